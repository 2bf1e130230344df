// Package notify tells people elsewhere (chat, mail, webhooks) of requests for consent, and takes
// what they decide there.
//
//	CONTROL            courier (one a notifier)       notifier           elsewhere
//	   | Requested --------->|                            |                   |
//	   |                     | Tell(message) ------------>| POST ------------>|
//	   |                     |<------ reference ----------|                   |
//	   |              Delivery, position -> bucket `deliveries`               |
//	   | Reviewed ---------->| Tell(message, reference) ->| change it ------->|
//
// # Delivery
//
// Each notifier follows the log on its own, so that one that is down holds nobody else up. What it was
// told is committed after it took it: whoever is told is told at least once, and a process that is
// killed in between tells once more. A failure is tried again, later and later, until Config.GiveUp;
// what the other side refuses for good is given up at once. Both are seen in the deliveries. What
// became of a request while its notifier was down is told as one message, the last.
//
// Of several processes one delivers for a notifier: whoever holds its item in the bucket, which it
// beats; another takes it when the beat has stopped for Config.Takeover. A notifier that is new begins
// with what happens from then on.
//
// # Decisions
//
// Slack's buttons come back as requests that Slack signs; who pressed is the person whom Slack says,
// and decides only if they could sign in and do the same here. Links in mail and in Teams are signed,
// so that nobody else can make one, and decide nothing by themselves: who follows one has to sign in.
//
// Slack and Teams were tried against stand-ins alone, never in a live workspace.
//
// References: Standard Webhooks (https://github.com/standard-webhooks/standard-webhooks), Slack
// "Verifying requests", "Block Kit", "Handling user interaction"; Adaptive Cards 1.4; RFC 5321, 5322.
package notify
