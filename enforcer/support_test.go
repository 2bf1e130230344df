package enforcer_test

import (
	"os"
	"sync"
	"testing"

	"sallyport/enforcer"
	"sallyport/schemas"
	"sallyport/schemas/resources"
)

// declared is a Source that a test changes.
type declared struct {
	mu    sync.Mutex
	all   []*resources.Resource
	stale chan struct{}
}

func (d *declared) Resources() ([]*resources.Resource, schemas.Revision, <-chan struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.all, resources.Revision(d.all), d.stale
}

func (d *declared) set(all []*resources.Resource) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.all = all
	close(d.stale)
	d.stale = make(chan struct{})
}

func load(t testing.TB, yaml string) []*resources.Resource {
	t.Helper()
	rs, err := resources.Load("test.yaml", []byte(yaml))
	if err != nil {
		t.Fatal(err)
	}
	return rs
}

func file(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func newEnforcer(t testing.TB, rs []*resources.Resource, change func(*enforcer.Config)) (*enforcer.Enforcer, *declared) {
	t.Helper()
	d := &declared{all: rs, stale: make(chan struct{})}
	c := enforcer.Config{Resources: d}
	if change != nil {
		change(&c)
	}
	e, err := enforcer.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return e, d
}

func alice() *schemas.Principal {
	return &schemas.Principal{Name: "alice", Kind: schemas.PrincipalKind_PRINCIPAL_KIND_USER, Groups: []string{"eng"}}
}

func fresh() *schemas.SessionState {
	return &schemas.SessionState{
		User: "app", SearchPath: []string{"$user", "public"}, SearchPathKnown: true,
		StandardConformingStrings: true, ClientEncoding: "UTF8",
	}
}

func ask(text string) *schemas.VerdictAsk {
	return &schemas.VerdictAsk{
		Session: "s", Protocol: "postgres", Target: "orders", Principal: alice(), Text: text, State: fresh(),
		Kind: schemas.CommandKind_COMMAND_KIND_QUERY,
	}
}

func policies(a *schemas.VerdictAnswer) []string {
	var names []string
	for _, r := range a.Reasons {
		names = append(names, r.Policy)
	}
	return names
}
