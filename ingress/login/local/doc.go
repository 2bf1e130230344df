// Package local is the built-in identity provider, for small installs and the demo: users that an
// administrator adds, with a password. There is no user and no password until somebody makes them.
//
// Of a password an argon2id hash (RFC 9106, parameters as OWASP's password storage cheat sheet has
// them) is kept, of the password under a key of this gateway (HMAC-SHA-256): who reads the log alone
// can guess nothing. Users are control facts, and the registry keeps them.
//
// Users may have a passkey instead of a password: package passkey.
//
// Not done: password rules beyond a length, as NIST SP 800-63B section 3.1.1 advises; recovery: an
// administrator sets the user anew.
package local
