package api

import (
	"cmp"
	"net/http"
	"slices"

	"sallyport/schemas"
	"sallyport/schemas/resources"
)

// Explained says why somebody may do something on a target, or why not.
type Explained struct {
	Principal  string           `json:"principal"`
	Kind       string           `json:"kind"`
	Groups     []string         `json:"groups"`
	Target     string           `json:"target"`
	Permission string           `json:"permission"`
	Allowed    bool             `json:"allowed"`
	Reason     string           `json:"reason,omitempty"` // not allowed: why
	Roles      []string         `json:"roles"`            // that grant it
	Considered []RoleConsidered `json:"considered"`       // every role, those that come closest first
	Revision   string           `json:"revision"`
}

// RoleConsidered is what of a role matches. Missing names what does not: member, target, permission.
type RoleConsidered struct {
	Role        string   `json:"role"`
	Grants      bool     `json:"grants"`
	Missing     []string `json:"missing"`
	Permissions []string `json:"permissions"`
}

// explain answers ?user=|agent=, &group= (may be repeated), &target=, &permission=. Without groups
// it takes those of the principal's live tokens. Who is no administrator may ask about themselves.
func (a *API) explain(w http.ResponseWriter, r *http.Request) error {
	q, id := r.URL.Query(), Who(r.Context())
	all, err := a.administers(r.Context())
	if err != nil {
		return err
	}
	p := id.Principal
	if all && (q.Has("user") || q.Has("agent")) {
		if p, err = principalOf(q); err != nil {
			return err
		}
		if p.Groups = q["group"]; len(p.Groups) == 0 {
			p.Groups = a.groupsOf(p)
		}
	} else if id.Token == nil {
		return invalid("name a user or an agent")
	} else if q.Has("group") || q.Has("user") && q.Get("user") != p.Name || q.Has("agent") && q.Get("agent") != p.Name {
		return beyond("you may ask about yourself alone")
	}
	ask := &schemas.AccessAsk{Principal: p, Target: q.Get("target"), Permission: cmp.Or(q.Get("permission"), resources.PermissionConnect), Explain: true}
	answer, err := a.access.ask(r.Context(), ask)
	if err != nil {
		return err
	}
	out := explained(ask, answer)
	if _, ok := a.registry.Snapshot().Target(ask.Target); all && !ok && ask.Target != "" {
		out.Reason = "there is no target " + ask.Target
	}
	if !all { // what a role says of others is nobody's business
		out.Considered = slices.DeleteFunc(out.Considered, func(c RoleConsidered) bool { return slices.Contains(c.Missing, "member") })
	}
	reply(w, a.logger, out)
	return nil
}

func explained(ask *schemas.AccessAsk, answer *schemas.AccessAnswer) Explained {
	out := Explained{
		Principal: ask.Principal.Name, Kind: kindName(ask.Principal.Kind), Groups: append([]string{}, ask.Principal.Groups...),
		Target: ask.Target, Permission: ask.Permission, Allowed: answer.Allowed, Reason: answer.Reason,
		Roles: append([]string{}, answer.Roles...), Considered: []RoleConsidered{}, Revision: answer.Revision,
	}
	for _, c := range answer.Considered {
		one := RoleConsidered{Role: c.Role, Grants: c.Member && c.Over && c.Can, Missing: []string{}, Permissions: c.Permissions}
		for _, m := range []struct {
			has  bool
			name string
		}{{c.Member, "member"}, {c.Over, "target"}, {c.Can, "permission"}} {
			if !m.has {
				one.Missing = append(one.Missing, m.name)
			}
		}
		out.Considered = append(out.Considered, one)
	}
	slices.SortStableFunc(out.Considered, func(a, b RoleConsidered) int { return cmp.Compare(len(a.Missing), len(b.Missing)) })
	return out
}

// groupsOf returns the groups that a principal's live tokens are in.
func (a *API) groupsOf(p *schemas.Principal) []string {
	var groups []string
	for _, t := range a.registry.Snapshot().Tokens(p.Name, a.now()) {
		if t.Principal.GetKind() == p.Kind {
			groups = append(groups, t.Principal.GetGroups()...)
		}
	}
	slices.Sort(groups)
	return slices.Compact(groups)
}
