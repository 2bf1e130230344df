// Package oidc signs people in with OpenID Connect, and recognises the tokens of machines that a
// provider vouches for.
//
//	browser              gateway                        provider
//	   | GET …/start         |                              |
//	   |-------------------->| Begin: state, nonce, PKCE    |
//	   |<-- cookie, 303 -----|                              |
//	   |------------------------- authorize --------------->|
//	   |<------------------------ code, state --------------|
//	   | GET …/callback      |                              |
//	   |-------------------->| Finish: code, verifier ----->|
//	   |                     |<--- ID token, refresh token -|
//	   |<-- session, 303 ----| verify, map claims           |
//
// The state, the nonce and the PKCE verifier are in a cookie of the browser that began (a [Flow]),
// so what one browser began no other can finish. The redirect address is one fixed string for each
// provider, which also tells providers apart (RFC 9207's mix-up).
//
// A provider is discovered when it is first needed and again from time to time, so one that is out
// does not keep the gateway from starting, and its key rotation is followed. Only asymmetric
// algorithms that it announces are accepted.
//
// [Workloads] exchanges a federated JWT (a CI job's, a Kubernetes service account's, or what a
// provider gave for client credentials) for who it is, by rules.
//
// References: OpenID Connect Core 1.0, OpenID Connect Discovery 1.0, RFC 6749, RFC 7636 (PKCE),
// RFC 9700 (best current practice), RFC 9207. Not done: front- and back-channel logout, encrypted ID
// tokens, dynamic registration.
package oidc
