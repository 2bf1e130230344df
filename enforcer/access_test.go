package enforcer_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"sallyport/schemas"
)

const access = `
apiVersion: sallyport/v1
kind: Target
metadata: {name: orders, labels: {env: prod}}
spec: {protocol: postgres, address: "h:5432", credential: {username: app}}
---
apiVersion: sallyport/v1
kind: Target
metadata: {name: test, labels: {env: test}}
spec: {protocol: postgres, address: "h:5432", credential: {username: app}}
---
apiVersion: sallyport/v1
kind: Role
metadata: {name: engineers}
spec: {members: {groups: [eng]}, targets: {labels: {env: prod}}}
---
apiVersion: sallyport/v1
kind: Role
metadata: {name: alices}
spec: {members: {users: [alice]}, targets: {names: [orders]}, can: [connect, replay]}
---
apiVersion: sallyport/v1
kind: Role
metadata: {name: admins}
spec: {members: {groups: [root]}, targets: {names: ["*"]}, can: [admin]}
---
apiVersion: sallyport/v1
kind: Role
metadata: {name: prod-admins}
spec: {members: {groups: [eng]}, targets: {labels: {env: prod}}, can: [admin]}
---
apiVersion: sallyport/v1
kind: Role
metadata: {name: empty}
spec: {members: {groups: [eng]}, targets: {}, can: [kill]}
`

func TestAccess(t *testing.T) {
	e, _ := newEnforcer(t, load(t, access), nil)
	root := &schemas.Principal{Name: "root", Kind: schemas.PrincipalKind_PRINCIPAL_KIND_USER, Groups: []string{"root"}}
	agent := &schemas.Principal{Name: "alice", Kind: schemas.PrincipalKind_PRINCIPAL_KIND_AGENT}
	for _, c := range []struct {
		who                *schemas.Principal
		target, permission string
		roles              []string
		reason             string
	}{
		{alice(), "orders", "connect", []string{"alices", "engineers"}, ""},
		{alice(), "orders", "replay", []string{"alices"}, ""},
		{alice(), "orders", "watch", nil, "no role lets alice watch sessions of orders"},
		{alice(), "orders", "kill", nil, "no role lets alice end sessions of orders"},
		{alice(), "test", "connect", nil, "no role lets alice connect to test"},
		{alice(), "nothing", "connect", nil, "no role lets alice connect to nothing"},
		{alice(), "orders", "admin", []string{"prod-admins"}, ""},
		{alice(), "", "admin", nil, "no role lets alice administer the gateway"},
		{root, "", "admin", []string{"admins"}, ""},
		{root, "test", "admin", []string{"admins"}, ""},
		{root, "test", "connect", nil, "no role lets root connect to test"},
		{agent, "orders", "connect", nil, "no role lets alice connect to orders"},
		{nil, "orders", "connect", nil, "no role lets somebody without a name connect to orders"},
		{alice(), "orders", "", nil, "the request names no permission"},
		{alice(), "orders", "fly", nil, `there is no permission "fly"`},
	} {
		got := e.Access(&schemas.AccessAsk{Principal: c.who, Target: c.target, Permission: c.permission})
		if got.Allowed != (c.reason == "") || got.Reason != c.reason || !cmp.Equal(got.Roles, c.roles) || got.Revision == "" {
			t.Errorf("%s %s %s: %v", c.who.GetName(), c.permission, c.target, got)
		}
	}
}
