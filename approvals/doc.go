// Package approvals decides what is held. Requests and reviews are facts on CONTROL; what they come
// to is the fold of schemas/approval, which every replica of this service and every gateway that
// waits does for itself.
//
//	gateway                  Service                     CONTROL                  reviewer (API)
//	   | ask.approval           |                           |                           |
//	   |----------------------->| Requested --------------->|                           |
//	   |<---- id, link, expiry -|                           |                           |
//	   |                        |                           |      POST …/reviews       |
//	   |                        |<--------------------------------------------------------|
//	   |                        | Reviewed (approve) ------>|                           |
//	   |<---------------------------------- it is approved -|                           |
//	   | Used ---------------------------------------------->|                           |
//	   |   (forward)            |                           |                           |
//
// Each fact is appended on the condition that nothing was said on its subject since it was judged;
// when that fails the service reads on and judges again. So two reviewers at once never decide
// twice, and a replica that lags refuses nothing wrongly.
//
// # Being killed
//
// The service keeps nothing but what it reads from CONTROL, so it may be killed at any moment. A
// gateway chooses the id of its request, so an ask that is repeated makes no second one. An expiry
// is a fact: the service marks the moment, any replica may, and a gateway does when none does.
//
// # What is kept in memory
//
// Requests that are not final, and the last Config.History of those that are. An older one is read
// from its subject when it is asked for.
//
// # What a reviewer sees
//
// The whole text and its parameters, who asks, on whose behalf and with which prompt (read from the
// run's fact), what the enforcer made of it, and what became of the last requests that do the same to
// the same. One decision may be said of several requests; each is judged on its own. How many rows
// a statement would touch is a fact of its own, of the gateway that asked the target's planner: it decides
// nothing, nobody waits for it, and whoever asked for consent does not see it.
//
// # Access for a time
//
// A request may be for access to a target instead of for a command; the enforcer says who may ask for
// what. The service spends its approval and makes the grant of it, a fact on its own subject, which
// schemas/registry projects. Whoever of several replicas, or of those that come after, looks next goes on
// where the last one was killed.
//
// Telling people elsewhere of requests is approvals/notify's.
package approvals
