// Package authority recognises people and machines by certificates that others have issued: a company's
// own certificate authority, or one that issues SPIFFE identities.
//
// An authority is a file of PEM certificates to trust, and rules that map what a certificate names to a
// principal. A certificate proves somebody when all of this holds:
//
//	chain      it leads to a certificate of that file, within the validity of each, and may be used by
//	           clients: RFC 5280 section 6, extended key usage clientAuth
//	names      the name constraints of the chain allow its names: RFC 5280 section 4.2.1.10
//	revocation where the authority has revocation lists: each certificate below the trusted one stands on
//	           a current list of its issuer, as not revoked (RFC 5280 section 5). A list that is missing or
//	           out of date refuses; it does not let pass
//	rule       the first rule that matches one of its names says who it is
//
// Names are URIs (of SPIFFE: exactly one, and of the form of the SPIFFE ID specification, section 2), DNS
// names, e-mail addresses, and the subject's common name. Name constraints do not speak of common names, so
// a rule for them does not hold below a certificate that has constraints.
//
// Files are read again when they change, so an authority or a list is replaced by replacing its file.
//
// Not done: OCSP, delta and indirect revocation lists (a list that is one is refused), certificate policies.
package authority
