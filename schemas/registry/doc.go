// Package registry keeps what is declared (targets, roles, policies, masks), which tokens are live,
// who the local provider's users are, which passkeys there are and who proved one, and who has access for a time. Each
// change is first a control fact; the buckets `resources`, `identity` and `grants` are projections of
// CONTROL, and a [Snapshot] in memory follows the buckets.
//
//	apply, token create        CONTROL            project            buckets           Snapshot
//	   | Append(control fact) ---->|                 |                  |                 |
//	   |                           |---- Consume --->| put if newer --->|---- Watch ----->|
//	   |<------------- Append returns once the snapshot holds the change ----------------|
//
// Every item of a bucket carries the sequence of the control fact that made it, so several
// replicas may project at once, and a projection can be dropped and made again with the same result.
package registry
