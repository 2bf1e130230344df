package mask_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sallyport/ingress/mask"
)

func scanner(t testing.TB, d ...mask.Detector) *mask.Scanner {
	t.Helper()
	s, err := mask.NewScanner(d)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func all() []mask.Detector {
	return []mask.Detector{mask.CreditCard, mask.Email, mask.Phone, mask.IBAN, mask.NationalID,
		mask.PrivateKey, mask.JWT, mask.CloudKey, mask.Secret}
}

// found writes what a detector finds, joined by a bar.
func found(s *mask.Scanner, text string) string {
	var parts []string
	for _, m := range s.Find(nil, []byte(text)) {
		parts = append(parts, text[m.Start:m.End])
	}
	return strings.Join(parts, "|")
}

// finds has what a detector must find, by text; what is marked with ‹› is the find. Text without a
// mark must not have one.
func finds(t *testing.T, d mask.Detector, texts ...string) {
	t.Helper()
	s := scanner(t, d)
	for _, marked := range texts {
		var want []string
		text := strings.NewReplacer("‹", "", "›", "").Replace(marked)
		for _, part := range strings.Split(marked, "‹")[1:] {
			part, _, _ = strings.Cut(part, "›")
			want = append(want, part)
		}
		if diff := cmp.Diff(strings.Join(want, "|"), found(s, text)); diff != "" {
			t.Errorf("%s in %q: %s", d, text, diff)
		}
	}
}

func TestCreditCard(t *testing.T) {
	finds(t, mask.CreditCard,
		"‹4111111111111111›", "‹4111 1111 1111 1111›", "‹4111-1111-1111-1111›.", "pay ‹378282246310005› now",
		"‹3782 822463 10005›", "‹30569309025904›", "‹6011111111111117›", "‹3530111333300000›", "‹5555555555554444›",
		"‹2223003122003222›", "‹6200000000000005›", "‹4222222222222›", "(‹5105105105105100›)", `{"n":"‹4111111111111111›"}`,
		"卡号‹4111111111111111›。", "‹4111\u00a01111\u00a01111\u00a01111›", "‹4111–1111–1111–1111›", "‹4111\u200b1111\u200b1111\u200b1111›",
		"‹４１１１１１１１１１１１１１１１›", "‹4111 1111 1111 1111› 123", "‹4111111111111111›.00", "12 ‹4111111111111111›",
		"‹4111 1111 1111 1111›, ‹5555 5555 5555 4444›", "‹4111 1111 1111 1111› ‹5555 5555 5555 4444›",
		"n=‹4111111111111111›&", "‹4111 - 1111 - 1111 - 1111›", "‹2200 0000 0000 0053›", "‹4111.1111.1111.1111›",
		// what is none
		"4111111111111112", "41111111111111111", "14111111111111111111", "a4111111111111111", "4111111111111111f",
		"1700000000000", "1700000000000000", "0.4111111111111111", "4111 1111-1111 1111", "411 1111 1111 11111",
		"4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1", "2024-01-02 03:04:05.000", "123456789012345678", "550e8400-e29b-41d4-a716-446655440000",
		"4111,1111,1111,1111", "4111 1111 1111", "4111/1111/1111/1111", "9999999999999995", "4111  1111  1111  1111",
	)
}

func TestEmail(t *testing.T) {
	finds(t, mask.Email,
		"‹joe@example.com›", "<‹joe.bloggs+tag@mail.example.co.uk›>", "mail ‹joe@example.com›.", `{"e":"‹joe@example.com›"}`,
		`{"e":"‹joe\u0040example.com›"}`, "email=‹joe%40example.com›&x", "‹joe&#64;example.com›", "‹joe&#x40;example.com›",
		"‹jörg@müller.example›", "‹用户@例子.广告›", "'‹o'brien@example.com›'", "a,‹b@c.io›;‹d@e.org›", "‹x_y@sub-domain.example.museum›",
		`"\n‹joe@example.com›"`, `"\\‹neo@example.com›"`, `"‹\u00e9lan@example.com›"`, "‹a@xn--bcher-kva.example›", "‹a@example.xn--p1ai›",
		"https://user:‹pass@db.example.com›/x", "‹joe@example.com›@x", "‹1@2.co›", "‹joe@example.com›, \u200bx",
		// what is none
		"joe@localhost", "@example.com", "joe@", "joe@.com", "joe@example", "npm i pkg@1.2.3", "icon@2x.png", "a @ b.com",
		"joe@-a.com", "user@host:~$ ls", "joe.@example.com", "@media screen", "joe@exa mple", "x@example.c0m", "joe@example.1",
	)
}

func TestPhone(t *testing.T) {
	finds(t, mask.Phone,
		"‹+14155552671›", "‹+1 415 555 2671›", "‹+49 30 123456›", "‹+44 (0)20 7946 0958›", "‹+33 1 23 45 67 89›", "tel:‹+14155552671›",
		"‹(415) 555-2671›", "‹415-555-2671›", "‹415.555.2671›", "‹1-415-555-2671›", "phone ‹415 555 2671›", "phone: ‹5552671›",
		"‹030 1234567›", "‹0171/1234567›", "‹020 7946 0958›", "‹01 23 45 67 89›", "‹0049 30 123456›", `{"p":"‹+4930123456›"}`,
		"call ‹4155552671›", "‹(030) 1234567›", "(‹415-555-2671›)", "(tel. ‹415-555-2671›)", "(‹+49 30 123456›)", "‹+49 (30) 123456›", "mobile=‹07700900123›",
		// what is none
		"4155552671", "1700000000", "1700000000000", "2024-01-02", "2024-01-02 03:04:05", "01-02-2024 12:30", "01/02/2024 1230",
		"192.168.1.100", "10.0.0.255", "123-45-6789", "415-155-2671", "115-555-2671", "+1 115 555 2671", "2+12345678", "212 555 1234",
		"550e8400-e29b-41d4-a716-446655440000", "+0100", "1.234.567.890", "version 1.2.3", "4111 1111 1111 1111", "+210123456789",
		"00123", "0.123456789", "Boston, MA 02110-1301", "252.227-7013", "Mobile, Inc 2017-2022", "call 2024-01-02", "phone 01.02.2024", "12:34:56.789012", "911-555-1234x", "(1111111111111115 ", "(１２３ 4567890",
	)
}

func TestIBAN(t *testing.T) {
	finds(t, mask.IBAN,
		"‹DE89370400440532013000›", "‹DE89 3704 0044 0532 0130 00›", "‹GB29 NWBK 6016 1331 9268 19›", "‹NO9386011117947›.",
		"‹FR1420041010050500013M02606›", "‹MT84MALT011000012345MTLCAST001S›", "iban:‹gb29nwbk60161331926819›", "‹BE68-5390-0754-7034›",
		"‹DE89 3704 0044 0532 0130 00› 42", `"‹NL91ABNA0417164300›"`, "‹CH93 0076 2011 6238 5295 7›",
		// what is none
		"DE89370400440532013001", "DE8937040044053201300", "DE893704004405320130000", "XX89370400440532013000", "xDE89370400440532013000",
		"DE89 3704 0044 0532 0130", "US12345678901234567890", "DE89370400440532013000A",
	)
}

func TestNationalID(t *testing.T) {
	finds(t, mask.NationalID,
		// numbers
		"ssn ‹123-45-6789›", "‹078-05-1120›", "‹123 45 6789›", "‹123–45–6789›", "ssn: ‹123456789›", "‹912-70-1234›", // US
		"‹130 692 544›", "SIN ‹130692544›", // CA
		"‹86095742719›", "‹86 095 742 719›", // DE
		"‹255081416802538›", "‹2 55 08 14 168 025 38›", "‹2550814168025 38›", // FR
		"BSN ‹111222333›", "bsn=‹123456782›", // NL
		"‹529.982.247-25›", "cpf ‹52998224725›", // BR
		"‹9999 4105 7058›", "aadhaar ‹999941057058›", // IN
		"‹756.9217.0769.85›", "‹7569217076985›", // CH
		"‹85.07.30-033.28›", "‹85073003328›", // BE
		"‹811228-9874›", "‹19811228-9874›", // SE
		"PESEL ‹44051401359›", "tckn ‹10000000146›", "‹8001015009087›", "‹800101-1234567›", // PL TR ZA KR
		"NHS ‹943 476 5919›", "nif ‹501 442 600›", "tfn ‹123 456 782›", "my number ‹123456789018›", "‹20-12345678-6›",
		// with letters
		"‹AB123456C›", "‹AB 12 34 56 C›", "nino ‹JG 103759 A›.", "‹12345678Z›", "‹12345678-Z›", "‹X1234567L›", "‹RSSMRA85T10A562S›",
		"‹HEGG560427MVZRRL04›", "‹S1234567D›", "‹1234567T›", "‹1234567FA›", "‹11010519491231002X›", "‹131052-308T›", "‹A123456(3)›",
		"‹131052+308T›",
		// what is none
		"000-45-6789", "666-45-6789", "123-00-6789", "123-45-0000", "900-45-6789", "123456789", "123-456-789", "123-45 6789",
		"1-123-45-6789", "123-45-6789-1", "86095742718", "111222333", "52998224725", "529.982.247-26", "999941057058", "9999 4105 7059",
		"1234 5678 9012 3456", "9999 4105 7058 1234", "2024-01-02", "GB123456A", "BG123456A", "AB123456E", "ab123456c", "12345678A",
		"RSSMRA85T10A562X", "X1234567A", "943 476 5919", "1700000000", "10.0.0.1", "131052-308U", "A123456(4)",
		"550e8400-e29b-41d4-a716-446655440000", "999-999-9999", "x123-45-6789", "123-45-6789x", "0.123-45-6789",
	)
}

const pem = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nMIIEpAIBAAKCAQEA\nabc+/=\n-----END RSA PRIVATE KEY-----"

func TestPrivateKey(t *testing.T) {
	finds(t, mask.PrivateKey,
		"‹"+pem+"›", "a "+"‹"+pem+"›\nb", `{"k":"‹-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----›\n","x":1}`,
		"‹-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl\n-----END OPENSSH PRIVATE KEY-----›",
		"‹-----BEGIN PGP PRIVATE KEY BLOCK-----\nVersion: 1\n\nlQHY\n=abcd\n-----END PGP PRIVATE KEY BLOCK-----›",
		"‹---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\nP2/56\n---- END SSH2 ENCRYPTED PRIVATE KEY ----›",
		"‹PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\nComment: x\nPublic-Lines: 2\nAAAA\nPrivate-Lines: 1\nAAAA\nPrivate-MAC: 00ffab›\n",
		"‹-----BEGIN EC PRIVATE KEY-----\nMHcCAQ›", "‹-----BEGIN EC PRIVATE KEY-----\nMHcCAQ›\n{", "‹-----BEGIN EC PRIVATE KEY-----›",
		"‹"+pem+"›\n‹"+pem+"›",
		// what is none
		"-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----", "-----BEGIN PUBLIC KEY-----\nMIIE", "BEGIN PRIVATE KEY",
		"----- BEGIN PRIVATE KEY", "-----BEGIN PRIVATE KEY", "-----begin private key-----\n",
	)
}

func TestJWT(t *testing.T) {
	const token = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
	const none = "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxMjM0In0."
	finds(t, mask.JWT,
		"‹"+token+"›", "Bearer ‹"+token+"›", `{"t":"‹`+token+`›"}`, "It is ‹"+token+"›.", "‹"+none+"›", "x=‹"+token+"›;",
		"‹eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0..aXY.Y2lwaGVy.dGFn›",
		// what is none
		"eyJhbGciOiJIUzI1NiJ9", "eyJ0eXAiOiJKV1QifQ.eyJzdWIiOiIxMjM0In0.c2ln", "eyJ.eyJ.eyJ", "x"+token, "eyJhbGciOiJIUzI1NiJ9..c2ln",
	)
}

func TestCloudKey(t *testing.T) {
	finds(t, mask.CloudKey,
		"‹AKIAIOSFODNN7EXAMPLE›", "aws_access_key_id=‹ASIAIOSFODNN7EXAMPLE›", "aws_secret_access_key = ‹wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY›",
		`"SecretAccessKey": "‹wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY›"`, "key=‹AIzaSyDaGmWKa4JsXZ-HjGw7ISLn_3namBGewQe›",
		"‹GOCSPX-1234567890abcdefghijklmnopqr›", "AccountKey=‹Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==›;",
		`"private_key_id": "‹0123456789abcdef0123456789abcdef01234567›"`,
		"‹hvs.CAESIJ1234567890abcdefghijklm›",
		// what is none
		"AKIA", "AKIAIOSFODNN7EXAMPL", "xAKIAIOSFODNN7EXAMPLE", "AIzaShort", "secret_key: short", "sig=abc",
	)
}

func TestSecret(t *testing.T) {
	finds(t, mask.Secret,
		"‹ghp_0aB1cD2eF3gH4iJ5kL6mN7oP8qR9sT0uV1wX›", "token ‹glpat-0aB1cD2eF3gH4iJ5kL6m›\n", "x\nslack ‹xoxb-123456789012-1234567890123-0aB1cD2eF3gH4iJ5kL6mN7oP›\n",
		`password = "‹Zk9x2Qv7Lm4Wp8Tz›"`, "api_key: ‹q8w7e6r5t4y3u2i1o0p9›", "SK‹›"[:2]+"0",
		// rules whose keyword is in the secret, or after what they start with
		"typeform: ‹tfp_0aB1cD2eF3gH4iJ5kL6mN7oP8qR9sT0uV1wX2yZ3aB4cD5eF6gH7iJ8kL9m›\n", "NEW_RELIC_KEY=‹NRAK-0AB1CD2EF3GH4IJ5KL6MN7OP8QR›",
		"sonar_login: ‹0ab1cd2ef3ab4cd5ef6ab7cd8ef9ab0cd1ef2ab3›",
		// what is none
		"password = \"hunter\"", "the token of the key", "password: xxxxxxxxxxxxxxxx", "api_key: abcdefghijklmnopqrstuvwxyz",
		"password = ${PASSWORD}", "ghp_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	)
}

func TestOverlap(t *testing.T) {
	s := scanner(t, all()...)
	for text, want := range map[string][]mask.Match{
		"joe@example.com 4111111111111111": {{Start: 0, End: 15, Detector: mask.Email}, {Start: 16, End: 32, Detector: mask.CreditCard}},
		// The key has an address in it: one find, of the key.
		"-----BEGIN PRIVATE KEY-----\nComment: joe@example.com\nAAAA\n-----END PRIVATE KEY-----": {{Start: 0, End: 83, Detector: mask.PrivateKey}},
		"DE89370400440532013000": {{Start: 0, End: 22, Detector: mask.IBAN}},
	} {
		if diff := cmp.Diff(want, s.Find(nil, []byte(text))); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	}
}

// TestHostile has a megabyte each of what could cost square time: it would not end in time.
func TestHostile(t *testing.T) {
	s := scanner(t, all()...)
	for _, part := range []string{
		"-----BEGIN PRIVATE KEY-----", "PuTTY-User-Key-File-", "eyJ", "eyJ.", "a@", "@a.bc", "1", "1 ", "123 123-", "a1", "+1 ", "key", "key=\n", "DE89 ", "\\u0040",
	} {
		text := []byte(strings.Repeat(part, 1<<20/len(part)))
		end := 0
		for _, m := range s.Find(nil, text) {
			if m.Start < end || m.End > len(text) {
				t.Fatalf("%q: %v after %d", part, m, end)
			}
			end = m.End
		}
	}
}

func TestNoDetector(t *testing.T) {
	for _, d := range []mask.Detector{"creditcard", "", mask.ExternalDetector} {
		if _, err := mask.NewScanner([]mask.Detector{d}); err == nil {
			t.Errorf("%q is taken", d)
		}
	}
	if m := scanner(t).Find(nil, []byte("joe@example.com")); m != nil {
		t.Errorf("a scanner without detectors finds %v", m)
	}
}

func TestFindAppends(t *testing.T) {
	first := mask.Match{Start: 9, End: 10, Detector: "x"}
	got := scanner(t, mask.Email).Find([]mask.Match{first}, []byte("a@b.io"))
	if diff := cmp.Diff([]mask.Match{first, {Start: 0, End: 6, Detector: mask.Email}}, got); diff != "" {
		t.Error(diff)
	}
}
