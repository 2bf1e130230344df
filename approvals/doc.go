// Package approvals will decide what is held: requests, reviews and grants as a fold over CONTROL,
// answering schemas.AskApproval. It is not built yet, and nothing answers there: the gateway
// refuses what a policy holds, and says that approvals are not available.
package approvals
