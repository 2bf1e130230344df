// Package mask is what becomes of a value that somebody may not see. It knows no protocol: a
// gateway gives it values, or a stream of bytes, and sends on what it gets back.
//
//	Transform   how a value is masked: redact, partial, hash, null; by type, so that a number stays one
//	Scanner     where in a value there is something: detectors
//	Set         rules (detectors and a transform each) over a value
//	Stream      a set over bytes that come in pieces
//	External    a detector that runs elsewhere, Presidio's analyzer
//
// Nothing here does input or output but External. Everything but a Stream is safe for concurrent use.
//
// # How finding works
//
// One pass over the value with a table of 256 entries stops only at digits, at signs and the escapes
// of one; what stands there is read by hand-written code, not by expressions. Detectors that start
// from words (keys, tokens, secrets) share one Aho-Corasick pass over all their words. Only where a
// word is does more happen: for cloud-key and secret, a regular expression (of package regexp: time
// linear in its input) over the line of the word and the next one, or at the word alone where the rule allows
// that. Expressions are compiled when their word is first seen.
//
// What one detector finds overlapping counts once: the leftmost, then the longest. Where finds of two
// detectors overlap, the part that only the second covers is a find of its own, so that everything
// found is masked. Every decision depends on at most 512 bytes before a find (for secrets, on its
// line), which is what lets a Stream decide as Apply does.
//
// # What is found
//
// A find is bounded: no digit or ASCII letter may touch it. Letters of other scripts may, as there are
// no spaces in some of them. "Tied" means with a separator: one of space, hyphen, dot or slash, the spaces
// and dashes of Unicode, or a hyphen between two spaces; characters of no width (soft hyphen, zero-width
// space and joiners, byte order mark) count as nothing, up to two in a place. A word "before" is within 40 bytes.
//
// credit-card: 13 to 19 digits with a prefix and length that an issuer uses (ISO/IEC 7812) and the check
// digit of Luhn, together or in groups of 3 to 7, the first of 4 to 6, with one kind of separator.
// Fullwidth digits count. Not within longer numbers, decimals, or hexadecimal words. One number in ten that
// begins like a card is one by chance.
//
// email: local@domain as RFC 5321 and 6531 have it, with letters of any script in both parts and at least
// one dot in the domain, whose last label is a word. The sign may be written \u0040 (JSON), %40 (URLs), &#64;,
// &#x40; or &commat; (HTML). Of the local part, letters, digits and ._+-%'~ are covered; other
// characters that RFC 5321 allows (= / ! # $ & * ? ^ { | }) end it, so that name=value pairs stay readable. Not:
// quoted local parts, address literals ([192.0.2.1]), hosts without a dot.
//
// phone: E.164 after a plus, or after 00 in groups, with a country's code that exists; the North American
// forms with hyphens, dots or brackets; numbers with a trunk prefix of 0 in groups, unless they begin like a date; any 7 to 15
// digits after a word such as phone, tel, mobile or fax. Not: digits alone without such a word (timestamps,
// keys), and numbers tied only by spaces without a 0, plus or bracket.
//
// iban: ISO 13616, with the length of its country and the check of ISO 7064 MOD 97-10, together or in fours.
//
// national-id, by what can be checked (check digit or letter, date, format):
//
//	alone       AR CUIT, BE national number, BR CPF, CA SIN, CH AHV, CN resident id, DE tax id, ES DNI and NIE,
//	            FI HETU, FR NIR, GB NINO, HK identity card, IE PPS, IN Aadhaar, IT codice fiscale, KR RRN, MX CURP,
//	            NO fødselsnummer, SE personnummer, SG NRIC, US SSN and ITIN, ZA id
//	after a word of its own (bsn, pesel, …)
//	            AU TFN, DK CPR, GB NHS, JP My Number, NL BSN, PL PESEL, PT NIF, TR kimlik
//
// Those of AR, BR, CA, IN and US need the word too when they are written without separators, as ordinary numbers
// of their length are too many. Letters are capital. Not: US SSNs of areas that are never given (000, 666; 9xx but ITINs).
//
// private-key: PEM (RFC 7468) of any label with PRIVATE KEY, OpenSSH, PGP (RFC 9580), SSH2, and PuTTY's files:
// the whole block; without its last line, up to the first byte that no key file has. Escaped line ends (\n in JSON) are
// part of it.
//
// jwt: JWS and JWE in compact form (RFC 7515, 7516, 7519) whose header decodes to a JSON object with alg.
//
// cloud-key: keys of AWS, Google Cloud, Azure, Alibaba, Tencent, DigitalOcean, IBM, Vault, Fly and of AI providers, by
// their form, or by the name before them where they have none (secret_access_key, AccountKey, sig).
//
// secret: the rules of gitleaks (rules/NOTICE), with their entropy and allowlists, but those for files of
// certain names or paths, and those that are detectors of their own. A rule sees the line of its keyword and the next,
// at most 2 KiB before and 4 KiB after the stretch of the line it is in.
//
// # What is not found
//
// Detectors are for values that nobody disguised. A number in digits of other scripts, in words, in
// groups of one, in base64 or in hexadecimal is not found, nor is an escape of JSON, URLs or HTML but an e-mail's
// sign, nor a value over two columns or messages. Who may write queries can disguise anything: rules on columns, which follow a
// column through expressions, are for that.
//
// # Replaced text
//
// What stands in place of a find is ASCII without quotes, backslashes or control characters (Partial
// keeps characters of the value), so a JSON string, a CSV field or a URL that a find was in stays one.
//
// # External
//
// An External asks for a whole value at a time, with a deadline, and a breaker keeps a dead one
// from costing that deadline each time. Whatever is not a sound answer in time is an error, and an
// error masks the whole value: [Hit].Failed says so. A Stream cannot ask one.
//
// # Costs
//
// In processor time of a shared machine: 0.9–1.0 GB/s for prose with dates and amounts and no finds, with
// e-mail, cards and national ids; 0.6 with phone and IBAN too; 0.55 for keys, or for secrets; 0.3 with
// everything. Text full of words such as key, token and password, without secrets, is read for secret at 10–30
// MB/s. Nothing is allocated where nothing is found. The first scanner with secret reads its rules in some 20 ms,
// and each costs about 2.5 MB: keep it. A Stream looks again at what it holds with each piece.
package mask
