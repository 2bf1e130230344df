// Package login says who somebody is. It mints tokens, recognises them as bearers and as
// passwords, and gives protocols what a SCRAM exchange needs. Identity providers are not built yet:
// a token is the one way in. An administrator makes tokens for anybody, everybody else for themselves:
// what is made with a token can do no more than it, lives no longer, and is taken back with it.
//
// A token is a random secret of 160 bits, shown once. What is kept of it (a control fact, see
// [Mint]) is its SHA-256, by which a bearer is found, and a SCRAM-SHA-256 verifier (RFC 5802,
// RFC 7677), by which a client proves that it has the token without sending it.
package login
