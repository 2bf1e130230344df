// Package passkey has people prove with a passkey (a WebAuthn credential) that it is them: to confirm what
// asks for it, or to sign in without a password.
//
//	browser              gateway                                    authenticator
//	   | POST …               |                                          |
//	   |--------------------->| Enrol, Prove, Enter: challenge           |
//	   |<-- options, cookie --| (sealed into the cookie; nothing is kept)|
//	   |---------------------- navigator.credentials ------------------->|
//	   |<---------------------- answer: signed challenge ----------------|
//	   | POST … answer, cookie|                                          |
//	   |--------------------->| Enrolled, Proved, Entered: the challenge |
//	   |                      | is used up, then verified                |
//	   |<---------------------| a fact: PasskeyPut                       |
//
// A challenge is 32 random bytes. It is sealed, with what it is for (enrolling, proving or signing in), for whom and for
// which browser session, into a cookie of the browser that asked: what one browser began no other can
// finish, and an answer to one question answers no other. It holds for a few minutes and serves once, on all
// replicas, whether the answer was right or not.
//
// What is verified: WebAuthn sections 7.1 and 7.2, by github.com/go-webauthn/webauthn. The authenticator must
// have verified the person (by PIN or finger), not only that somebody was there. The origin is one of
// [Config].Origins, and the page is not in another's frame. A credential that anybody has enrolled cannot be enrolled again.
//
// A sign count that does not rise says that two authenticators may have the key. The answer is refused, and the
// passkey proves nothing from then on ([schemas.PasskeyPut].suspect) until its owner removes it.
// Passkeys that a provider keeps for people count nothing; their count stays 0.
//
// The package makes facts and appends none: whoever calls it does, on the condition that nobody removed the
// passkey meanwhile.
//
// References: Web Authentication level 3 (W3C), RFC 9052 (COSE keys). Not done: attestation (which make of
// authenticator it is, is not asked), extensions, related origins.
package passkey
