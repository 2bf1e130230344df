// Package sample writes sessions on a real log for tests: the facts and frames that a gateway
// would write, without a gateway.
package sample
