package enforcer

import (
	"cmp"
	"slices"
	"time"

	"sallyport/schemas"
	"sallyport/schemas/resources"
)

// permissionRequest asks whether a principal may ask for access for a time. No role grants it: a
// role's request does.
const permissionRequest = "request"

// access for a time that holds now.
type granted struct {
	ids, roles []string
	until      int64 // of the longest, nanoseconds since 1970
}

// granted returns what gives a principal a permission for a time. A grant gives no more than its
// role would now: one whose role is gone, or no longer for the principal or the target, gives nothing.
func (e *Enforcer) granted(s *snapshot, p *schemas.Principal, run *schemas.Run, target, permission string) (out granted) {
	t, ok := s.targets[target]
	if !ok || e.c.Grants == nil {
		return granted{}
	}
	now := e.c.Now().UnixNano()
	for _, g := range e.c.Grants(p.GetName()) {
		a := g.GetGrant()
		if g.GetPrincipal().GetKind() != p.GetKind() || a.GetTarget() != target || now < a.GetFrom() || now >= a.GetUntil() ||
			g.GetRun().GetId() != "" && g.GetRun().GetId() != run.GetId() {
			continue
		}
		for _, r := range s.roles {
			if r.Metadata.Name == a.GetRole() && requestable(r, p, t) && slices.Contains(r.Role.Permissions(), permission) {
				out.ids, out.roles = append(out.ids, g.GetId()), append(out.roles, r.Metadata.Name)
				out.until = max(out.until, a.GetUntil())
			}
		}
	}
	return out
}

func requestable(r *resources.Resource, p *schemas.Principal, t *protected) bool {
	return r.Role.Request != nil && r.Role.Members.Match(p) && r.Role.Targets.Matches(t.resource.Metadata.Name, t.resource.Metadata.Labels)
}

// request says which role a principal may ask for on a target, the first by name, and whose consent
// that needs.
func (s *snapshot) request(ask *schemas.AccessAsk, answer *schemas.AccessAnswer) {
	answer.Reason = "no role lets " + who(ask.GetPrincipal()) + " ask for access to " + ask.GetTarget()
	t, ok := s.targets[ask.GetTarget()]
	if !ok {
		return
	}
	var found *resources.Resource
	for _, r := range s.roles {
		if requestable(r, ask.GetPrincipal(), t) && (found == nil || r.Metadata.Name < found.Metadata.Name) {
			found = r
		}
	}
	if found == nil {
		return
	}
	digest, err := digestOf([]*resources.Resource{found})
	if err != nil {
		answer.Reason = "the role could not be written"
		return
	}
	need := &schemas.ApprovalNeed{Policies: digest, Rules: []*schemas.ApprovalRule{
		approvalRule("role "+found.Metadata.Name, "access for a time", found.Role.Request.Approval),
	}}
	if answer.Approval, err = need.MarshalVT(); err != nil {
		answer.Reason = "the approval could not be written"
		return
	}
	answer.Allowed, answer.Reason, answer.Roles = true, "", []string{found.Metadata.Name}
	answer.Longest = int64(cmp.Or(time.Duration(found.Role.Request.Longest), resources.DefaultLongest))
}
