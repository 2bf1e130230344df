// Package saml signs people in with SAML 2.0: this gateway is a service provider, by the web browser
// SSO profile.
//
//	browser              gateway                          identity provider
//	   | GET …/start         |                              |
//	   |-------------------->| Begin: relay state           |
//	   |<-- cookie, 303 -----|                              |
//	   |------------------------- AuthnRequest (signed) --->|
//	   |<------------------------ Response, relay state ----|
//	   | POST …/acs          |                              |
//	   |-------------------->| Finish: verify, map          |
//	   |<-- 303 -------------| (a POST from another site brings no cookie)
//	   | GET …/finish        |                              |
//	   |-------------------->| the cookie must be the one of the relay state
//	   |<-- session, 303 ----|                              |
//
// The id of a request is a hash of its relay state, so a response answers exactly what one browser
// began; what nobody asked for (an IdP-initiated response) is refused. A response or its assertion must
// be signed by a certificate of the provider's metadata, and only what the signature covers is read
// (crewjam/saml with goxmldsig 1.6.1: earlier versions can be made to skip it). Encrypted assertions are
// decrypted with this side's key. Each assertion serves once, on all replicas: the caller keeps its id.
//
// Clocks may differ by three minutes, and a response is 90 seconds old at most: crewjam/saml's own
// bounds.
//
// References: SAML 2.0 core, bindings and profiles (OASIS, March 2005); Somorovsky et al., "On Breaking
// SAML: Be Whoever You Want to Be" (USENIX Security 2012) for the wrapping attacks. Not done: single
// logout, artifact binding, attribute queries.
package saml
