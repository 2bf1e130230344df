// Package journaltest helps to test what stands on the log: a fresh log in one line, a check of
// everything that a log promises, a NATS to reach by URL, a proxy that loses messages, and the
// suite that every way of running the log passes.
//
// Faults come in pairs, as an append can fail in two ways that look the same from outside: the
// message was lost, or the message was kept and its acknowledgement was lost. A [Proxy] does both
// on the wire, so that the log's own code has no knobs for tests.
package journaltest
