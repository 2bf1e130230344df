package approval

// What one fact may do to a request, besides bringing it to a status, whose name is then the change's.
const (
	Requested     = "requested"
	Reviewed      = "reviewed"
	Escalation    = "escalated"
	GlassBroken   = "break_glass"
	ReviewedAfter = "reviewed_after"
)

// Change says what came of a fact: one of the above, or the status that the request has with it;
// empty: nothing.
func Change(before, after State) string {
	switch {
	case after.Ask == nil:
		return ""
	case before.Ask == nil:
		return Requested
	case before.Glass == nil && after.Glass != nil:
		return GlassBroken
	case before.After == nil && after.After != nil:
		return ReviewedAfter
	case before.Status != after.Status:
		return string(after.Status)
	case len(after.Reviews) != len(before.Reviews):
		return Reviewed
	case after.Escalated > before.Escalated:
		return Escalation
	}
	return ""
}
