package enforcer

import (
	"fmt"
	"slices"

	"sallyport/schemas"
	"sallyport/schemas/resources"
)

// Access answers whether a principal has a permission on a target: only if a role says so. No
// permission implies another. Without a target it is about the gateway itself, and only a role
// over every target ("*") counts.
func (e *Enforcer) Access(ask *schemas.AccessAsk) *schemas.AccessAnswer {
	s := e.current()
	answer := &schemas.AccessAnswer{Revision: string(s.revision)}
	answer.Roles, answer.Reason = s.access(ask.GetPrincipal(), ask.GetTarget(), ask.GetPermission())
	answer.Allowed = answer.Reason == ""
	return answer
}

// access returns the roles that grant, or why there are none.
func (s *snapshot) access(p *schemas.Principal, name, permission string) (roles []string, reason string) {
	if permission == "" {
		return nil, "the request names no permission"
	}
	var labels map[string]string
	if name != "" {
		t, ok := s.targets[name]
		if !ok { // said as for a target that one may not see
			return nil, denied(p, name, permission)
		}
		labels = t.resource.Metadata.Labels
	}
	for _, r := range s.roles {
		over := r.Role.Targets.Matches(name, labels)
		if name == "" {
			over = slices.Contains(r.Role.Targets.Names, resources.Any)
		}
		if over && slices.Contains(r.Role.Permissions(), permission) && r.Role.Members.Match(p) {
			roles = append(roles, r.Metadata.Name)
		}
	}
	if len(roles) == 0 {
		return nil, denied(p, name, permission)
	}
	slices.Sort(roles)
	return roles, ""
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
