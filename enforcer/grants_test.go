package enforcer_test

import (
	"strings"
	"testing"
	"time"

	"sallyport/enforcer"
	"sallyport/schemas"
)

const requestable = `apiVersion: sallyport/v1
kind: Target
metadata: {name: orders}
spec: {protocol: postgres, address: "db:5432", credential: {username: app}}
---
apiVersion: sallyport/v1
kind: Role
metadata: {name: on-request}
spec:
  members: {groups: [eng]}
  targets: {names: [orders]}
  request: {longest: 4h, approval: {any: [{groups: [dba]}]}}
`

// TestGrants holds what access for a time gives, and that it gives no more than its role would.
func TestGrants(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	alice := &schemas.Principal{Name: "alice", Kind: schemas.PrincipalKind_PRINCIPAL_KIND_USER, Groups: []string{"eng"}}
	given := func(change ...func(*schemas.GrantMade)) *schemas.GrantMade {
		g := &schemas.GrantMade{Id: "a-1", Principal: &schemas.Principal{Name: "alice", Kind: schemas.PrincipalKind_PRINCIPAL_KIND_USER},
			Grant: &schemas.AccessGrant{Role: "on-request", Target: "orders", From: now.Add(-time.Hour).UnixNano(), Until: now.Add(time.Hour).UnixNano()}}
		for _, f := range change {
			f(g)
		}
		return g
	}
	for name, c := range map[string]struct {
		document string
		grant    *schemas.GrantMade
		groups   []string
		run      string
		want     bool
	}{
		"none":                         {requestable, nil, []string{"eng"}, "", false},
		"one":                          {requestable, given(), []string{"eng"}, "", true},
		"over":                         {requestable, given(func(g *schemas.GrantMade) { g.Grant.Until = now.UnixNano() }), []string{"eng"}, "", false},
		"from now on":                  {requestable, given(func(g *schemas.GrantMade) { g.Grant.From = now.UnixNano() }), []string{"eng"}, "", true},
		"later":                        {requestable, given(func(g *schemas.GrantMade) { g.Grant.From = now.UnixNano() + 1 }), []string{"eng"}, "", false},
		"another target":               {requestable, given(func(g *schemas.GrantMade) { g.Grant.Target = "other" }), []string{"eng"}, "", false},
		"an agent of that name":        {requestable, given(func(g *schemas.GrantMade) { g.Principal.Kind = schemas.PrincipalKind_PRINCIPAL_KIND_AGENT }), []string{"eng"}, "", false},
		"for a run":                    {requestable, given(func(g *schemas.GrantMade) { g.Run = &schemas.Run{Id: "r-1"} }), []string{"eng"}, "r-1", true},
		"for another run":              {requestable, given(func(g *schemas.GrantMade) { g.Run = &schemas.Run{Id: "r-1"} }), []string{"eng"}, "r-2", false},
		"no longer a member":           {requestable, given(), []string{"sales"}, "", false},
		"the role is gone":             {strings.Replace(requestable, "name: on-request", "name: renamed", 1), given(), []string{"eng"}, "", false},
		"the role is about others now": {strings.Replace(requestable, "targets: {names: [orders]}", "targets: {names: [others]}", 1), given(), []string{"eng"}, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			e, _ := newEnforcer(t, load(t, c.document), func(config *enforcer.Config) {
				config.Now = func() time.Time { return now }
				config.Grants = func(principal string) []*schemas.GrantMade {
					if principal != "alice" || c.grant == nil {
						return nil
					}
					return []*schemas.GrantMade{c.grant}
				}
			})
			p := &schemas.Principal{Name: alice.Name, Kind: alice.Kind, Groups: c.groups}
			a := e.Access(&schemas.AccessAsk{Principal: p, Run: &schemas.Run{Id: c.run}, Target: "orders", Permission: "connect"})
			if a.Allowed != c.want || c.want && (a.Until != c.grant.Grant.Until || a.Grants[0] != "a-1" || a.Roles[0] != "on-request") {
				t.Errorf("access: %v", a)
			}
			if a := e.Access(&schemas.AccessAsk{Principal: p, Run: &schemas.Run{Id: c.run}, Target: "orders", Permission: "review"}); a.Allowed {
				t.Error("it gives another permission")
			}
			v := e.Verdict(t.Context(), &schemas.VerdictAsk{Session: "s", Protocol: "postgres", Target: "orders", Principal: p, Run: &schemas.Run{Id: c.run}, Text: "SELECT 1",
				State: &schemas.SessionState{StandardConformingStrings: true, ClientEncoding: "UTF8", SearchPathKnown: true}})
			if (v.Outcome == schemas.Outcome_OUTCOME_ALLOW) != c.want {
				t.Errorf("verdict: %v", v)
			}
		})
	}
}

func TestWhoMayAskForAccess(t *testing.T) {
	e, _ := newEnforcer(t, load(t, requestable), nil)
	request := func(name, target string, groups ...string) *schemas.AccessAnswer {
		return e.Access(&schemas.AccessAsk{Principal: &schemas.Principal{Name: name, Kind: schemas.PrincipalKind_PRINCIPAL_KIND_USER, Groups: groups}, Target: target, Permission: "request"})
	}
	a := request("alice", "orders", "eng")
	need := new(schemas.ApprovalNeed)
	if err := need.UnmarshalVT(a.Approval); err != nil || !a.Allowed || a.Longest != int64(4*time.Hour) || len(need.Rules) != 1 || need.Rules[0].Any[0].Groups[0] != "dba" || len(need.Policies) != 32 {
		t.Errorf("%v, needs %v, %v", a, need, err)
	}
	for name, a := range map[string]*schemas.AccessAnswer{"nobody's": request("bob", "orders", "sales"), "no target": request("alice", "nowhere", "eng")} {
		if a.Allowed || !strings.Contains(a.Reason, "no role lets") {
			t.Errorf("%s: %v", name, a)
		}
	}
}
