package enforcer

import (
	"fmt"
	"slices"
	"strings"

	"sallyport/schemas"
	"sallyport/schemas/resources"
)

// Access answers whether a principal has a permission on a target: only if a role says so. No
// permission implies another. A role that is asked for lets its members in by a grant only. Without a target it is about the gateway itself, and only a role
// over every target ("*") counts.
func (e *Enforcer) Access(ask *schemas.AccessAsk) *schemas.AccessAnswer {
	s := e.current()
	answer := &schemas.AccessAnswer{Revision: string(s.revision)}
	if ask.GetPermission() == permissionRequest {
		s.request(ask, answer)
		return answer
	}
	answer.Roles, answer.Reason = s.access(ask.GetPrincipal(), ask.GetTarget(), ask.GetPermission())
	if answer.Reason != "" {
		if g := e.granted(s, ask.GetPrincipal(), ask.GetRun(), ask.GetTarget(), ask.GetPermission()); len(g.ids) > 0 {
			answer.Reason, answer.Roles, answer.Grants, answer.Until = "", g.roles, g.ids, g.until
		}
	}
	answer.Allowed = answer.Reason == ""
	if ask.GetExplain() {
		answer.Considered = s.explain(ask)
	}
	return answer
}

// access returns the roles that grant, or why there are none.
func (s *snapshot) access(p *schemas.Principal, name, permission string) (roles []string, reason string) {
	if permission == "" {
		return nil, "the request names no permission"
	}
	if _, ok := s.targets[name]; name != "" && !ok { // said as for a target that one may not see
		return nil, denied(p, name, permission)
	}
	for _, r := range s.roles {
		if r.Role.Request == nil && s.over(r.Role, name) && slices.Contains(r.Role.Permissions(), permission) && r.Role.Members.Match(p) {
			roles = append(roles, r.Metadata.Name)
		}
	}
	if len(roles) == 0 {
		return nil, denied(p, name, permission)
	}
	slices.Sort(roles)
	return roles, ""
}

// over reports whether a role is about a target, or, without one, about the gateway itself.
func (s *snapshot) over(r *resources.Role, name string) bool {
	if name == "" {
		return slices.Contains(r.Targets.Names, resources.Any)
	}
	t, ok := s.targets[name]
	return ok && r.Targets.Matches(name, t.resource.Metadata.Labels)
}

// explain says what of each role matches.
func (s *snapshot) explain(ask *schemas.AccessAsk) []*schemas.RoleConsidered {
	var all []*schemas.RoleConsidered
	for _, r := range s.roles {
		all = append(all, &schemas.RoleConsidered{
			Role: r.Metadata.Name, Member: r.Role.Members.Match(ask.GetPrincipal()), Over: s.over(r.Role, ask.GetTarget()),
			Can: r.Role.Request == nil && slices.Contains(r.Role.Permissions(), ask.GetPermission()), Permissions: r.Role.Permissions(),
		})
	}
	slices.SortFunc(all, func(a, b *schemas.RoleConsidered) int { return strings.Compare(a.Role, b.Role) })
	return all
}

var verbs = map[string]string{
	resources.PermissionConnect: "connect to",
	resources.PermissionReplay:  "replay sessions of",
	resources.PermissionWatch:   "watch sessions of",
	resources.PermissionReview:  "review requests for",
	resources.PermissionKill:    "end sessions of",
	resources.PermissionAdmin:   "administer",
}

func denied(p *schemas.Principal, name, permission string) string {
	verb, ok := verbs[permission]
	if !ok {
		return fmt.Sprintf("there is no permission %q", permission)
	}
	if name == "" {
		return fmt.Sprintf("no role lets %s %s the gateway", who(p), verb)
	}
	return fmt.Sprintf("no role lets %s %s %s", who(p), verb, name)
}

func who(p *schemas.Principal) string {
	if p.GetName() == "" {
		return "somebody without a name"
	}
	return p.Name
}
