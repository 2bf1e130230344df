package resources

import (
	"slices"

	"sallyport/schemas"
)

// Matches reports whether the selector selects a target of that name and labels.
func (s Selector) Matches(name string, labels map[string]string) bool {
	if slices.Contains(s.Names, name) || slices.Contains(s.Names, Any) {
		return true
	}
	for key, want := range s.Labels {
		if has, ok := labels[key]; !ok || has != want && want != Any {
			return false
		}
	}
	return len(s.Labels) > 0
}

// Match reports whether p is among the members. A principal that is neither a user nor an agent is
// nobody.
func (m Members) Match(p *schemas.Principal) bool {
	var names []string
	switch p.GetKind() {
	case schemas.PrincipalKind_PRINCIPAL_KIND_USER:
		names = m.Users
	case schemas.PrincipalKind_PRINCIPAL_KIND_AGENT:
		names = m.Agents
	default:
		return false
	}
	if p.GetName() == "" {
		return false
	}
	if slices.Contains(names, p.GetName()) || slices.Contains(names, Any) || slices.Contains(m.Groups, Any) {
		return true
	}
	return slices.ContainsFunc(p.GetGroups(), func(g string) bool { return slices.Contains(m.Groups, g) })
}
