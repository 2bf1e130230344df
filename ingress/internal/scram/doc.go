// Package scram is SCRAM-SHA-256 and SCRAM-SHA-256-PLUS with the channel binding
// tls-server-end-point, both sides: the server's for a client of the gateway, the client's for
// the target.
//
// References: RFC 5802 (SCRAM), RFC 7677 (SHA-256), RFC 5929 section 4 (tls-server-end-point),
// and PostgreSQL's "SASL Authentication", which ignores the user name inside the messages.
//
// A server tries a proof against every live secret of a principal: they share salt and iteration
// count, so one exchange serves them all.
package scram
