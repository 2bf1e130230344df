package prompts_test

import (
	"log/slog"
	"strings"
	"testing"

	"sallyport/cmd/internal/prompts"
	"sallyport/schemas"
	"sallyport/schemas/journal"
	"sallyport/schemas/registry"
	"sallyport/schemas/resources"
)

const declared = `apiVersion: sallyport/v1
kind: Target
metadata: {name: orders, labels: {env: prod}}
spec: {protocol: postgres, address: "h:5432", credential: {username: app}}
---
apiVersion: sallyport/v1
kind: Target
metadata: {name: play, labels: {env: test}}
spec: {protocol: postgres, address: "h:5432", credential: {username: app}}
---
apiVersion: sallyport/v1
kind: Mask
metadata: {name: a-partial}
spec: {targets: {labels: {env: prod}}, detect: [credit-card, email], with: partial}
---
apiVersion: sallyport/v1
kind: Mask
metadata: {name: b-null}
spec: {targets: {names: [orders]}, detect: [credit-card, external], with: null, except: {users: ["*"]}}
---
apiVersion: sallyport/v1
kind: Mask
metadata: {name: columns}
spec: {targets: {names: ["*"]}, columns: [customers.email]}
`

func snapshot(t *testing.T) *registry.Snapshot {
	t.Helper()
	log, err := journal.Open(t.Context(), journal.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = log.Close() })
	r, err := registry.Open(t.Context(), registry.Config{Log: log, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = r.Run(t.Context()) }()
	if err := r.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	rs, err := resources.Load("test", []byte(strings.ReplaceAll(declared, "with: null", `with: "null"`)))
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range rs {
		document, err := resources.MarshalCanonical(one)
		if err != nil {
			t.Fatal(err)
		}
		err = r.Append(t.Context(), &schemas.Control{Kind: &schemas.Control_ResourceApplied{
			ResourceApplied: &schemas.ResourceApplied{Kind: string(one.Kind), Name: one.Metadata.Name, Document: document}}})
		if err != nil {
			t.Fatal(err)
		}
	}
	return r.Snapshot()
}

// TestMask holds that the masks of a run's targets count, the strictest first, whoever is excepted.
func TestMask(t *testing.T) {
	s := snapshot(t)
	p := prompts.New(prompts.Config{Declared: func() *registry.Snapshot { return s }, MaskKey: make([]byte, 32), DigestKey: make([]byte, 32)})
	const prompt = "ask ada@example.com about 4111 1111 1111 1111"
	const both = "ask ***********.com about [redacted]"
	for _, c := range []struct {
		targets []string
		want    string
		counts  int
	}{
		{nil, both, 2}, {[]string{"orders"}, both, 2}, {[]string{"play", "orders"}, both, 2},
		{[]string{"play"}, prompt, 0}, {[]string{"lost"}, prompt, 0},
	} {
		got, counts, err := p.Mask(prompt, c.targets)
		if err != nil || got != c.want || len(counts) != c.counts {
			t.Errorf("for %v it is %q, %v, %v", c.targets, got, counts, err)
		}
	}
	got, counts, err := p.Mask("nothing to find", nil)
	if err != nil || got != "nothing to find" || counts != nil {
		t.Errorf("without finds it is %q, %v, %v", got, counts, err)
	}
	if string(p.Digest("a")) == string(p.Digest("b")) || len(p.Digest("a")) != 32 {
		t.Error("digests do not tell prompts apart")
	}
}
