// Package login says who somebody is. It mints tokens, recognises them as bearers and as
// passwords, and gives protocols what a SCRAM exchange needs.
//
// Whoever vouches for somebody (an administrator, or a provider in one of the packages below), the
// end is the same: a principal, and a token that is minted for it. An administrator makes tokens for
// anybody, everybody else for themselves: what is made with a token can do no more than it, lives no
// longer, and is taken back with it.
//
//	oidc       OpenID Connect, and the tokens of workloads
//	saml       SAML 2.0
//	local      the built-in provider: users and passwords
//	authority  client certificates that others have issued
//	passkey    who proves anew, with a passkey, that it is them
//	once       what passes between the steps of a sign-in, for all replicas
//	pace       how often it may be tried
//
// A token is a random secret of 160 bits, shown once. What is kept of it (a control fact, see
// [Mint]) is its SHA-256, by which a bearer is found, and a SCRAM-SHA-256 verifier (RFC 5802,
// RFC 7677), by which a client proves that it has the token without sending it. A client certificate
// is a token whose secret is its key ([Certify]); a registered SSH key is a fact of its own ([NewKey]).
//
// A certificate that another authority has issued becomes a token, too, when it is seen first:
//
//	psql, API           Service                authority            CONTROL
//	  | chain, user ------>| Recognise(chain) ---->|                   |
//	  |                    |<------ principal -----|                   |
//	  |                    | TokenCreated "c-" and its digest -------->|  unless it stands there
//	  |<---- identity -----|                                           |
//	  |                    | Recognise(chain), now and then ->|        |
//	  |<---- revoked ------| (no longer: sessions, and what was made with it, end)
//
// It is judged whenever it is presented, and its token is no more than its name in lists and facts: revoking that
// is for good, and the authority's ending it is as well as long as that holds.
package login
