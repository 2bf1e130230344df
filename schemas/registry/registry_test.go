package registry_test

import (
	"context"
	"crypto/sha256"
	"log/slog"
	"testing"
	"time"

	"sallyport/schemas"
	"sallyport/schemas/journal"
	"sallyport/schemas/registry"
	"sallyport/schemas/resources"
)

func openLog(t *testing.T, dir string) *journal.Log {
	t.Helper()
	log, err := journal.Open(t.Context(), journal.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = log.Close() })
	return log
}

// start runs a registry until the returned function is called.
func start(t *testing.T, log *journal.Log) (*registry.Registry, func()) {
	t.Helper()
	r, err := registry.Open(t.Context(), registry.Config{Log: log, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	stopped := false
	stop := func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
	}
	t.Cleanup(stop)
	if err := r.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	return r, stop
}

func apply(t *testing.T, r *registry.Registry, document string) {
	t.Helper()
	rs, err := resources.Load("test", []byte(document))
	if err != nil {
		t.Fatal(err)
	}
	data, err := resources.MarshalCanonical(rs[0])
	if err != nil {
		t.Fatal(err)
	}
	err = r.Append(t.Context(), &schemas.Control{By: "test", Kind: &schemas.Control_ResourceApplied{
		ResourceApplied: &schemas.ResourceApplied{Kind: string(rs[0].Kind), Name: rs[0].Metadata.Name, Document: data},
	}})
	if err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, r *registry.Registry, kind, name string) {
	t.Helper()
	err := r.Append(t.Context(), &schemas.Control{By: "test", Kind: &schemas.Control_ResourceDeleted{
		ResourceDeleted: &schemas.ResourceDeleted{Kind: kind, Name: name},
	}})
	if err != nil {
		t.Fatal(err)
	}
}

func names(rs []*resources.Resource) (out []string) {
	for _, r := range rs {
		out = append(out, r.Metadata.Name)
	}
	return out
}

func document(name string) string {
	return "apiVersion: sallyport/v1\nkind: Role\nmetadata: {name: " + name + "}\nspec: {members: {groups: [eng]}, targets: {names: [\"*\"]}}\n"
}

func TestAppendIsSeenAtOnceAndAfterARestart(t *testing.T) {
	log := openLog(t, t.TempDir())
	r, stop := start(t, log)
	before := r.Snapshot().Revision
	apply(t, r, document("a"))
	apply(t, r, document("b"))
	remove(t, r, "Role", "a")
	if got := names(r.Snapshot().All(resources.KindRole)); len(got) != 1 || got[0] != "b" {
		t.Fatalf("roles are %v, want [b]", got)
	}
	after := r.Snapshot().Revision
	if after == before {
		t.Error("the revision did not change with the resources")
	}
	stop()

	again, _ := start(t, log)
	if got := names(again.Snapshot().All(resources.KindRole)); len(got) != 1 || got[0] != "b" {
		t.Errorf("after a restart roles are %v, want [b]", got)
	}
	if again.Snapshot().Revision != after {
		t.Error("the revision changed with a restart")
	}
}

func TestTwoReplicasAgree(t *testing.T) {
	log := openLog(t, t.TempDir())
	one, _ := start(t, log)
	two, _ := start(t, log)
	for i := range 20 {
		apply(t, []*registry.Registry{one, two}[i%2], document(string(rune('a'+i))))
	}
	remove(t, two, "Role", "c")
	changed := one.Changed()
	for one.Snapshot().Revision != two.Snapshot().Revision {
		select {
		case <-changed:
			changed = one.Changed()
		case <-t.Context().Done():
			t.Fatal("the replicas never agreed")
		}
	}
	if got := len(one.Snapshot().All(resources.KindRole)); got != 19 {
		t.Errorf("%d roles, want 19", got)
	}
}

func TestTokens(t *testing.T) {
	log := openLog(t, t.TempDir())
	r, _ := start(t, log)
	now := time.Now()
	sum := sha256.Sum256([]byte("secret"))
	token := &schemas.TokenCreated{Id: "t-1", Principal: &schemas.Principal{Name: "alice"}, Lookup: sum[:], Expires: now.Add(time.Minute).UnixNano()}
	if err := r.Append(t.Context(), &schemas.Control{By: "test", Kind: &schemas.Control_TokenCreated{TokenCreated: token}}); err != nil {
		t.Fatal(err)
	}
	if _, ok := r.Snapshot().Lookup(sum, now); !ok {
		t.Error("a live token is not found")
	}
	if _, ok := r.Snapshot().Lookup(sum, now.Add(2*time.Minute)); ok {
		t.Error("an expired token is found")
	}
	if got := len(r.Snapshot().Tokens("alice", now)); got != 1 {
		t.Errorf("alice has %d tokens, want 1", got)
	}
	if err := r.Append(t.Context(), &schemas.Control{By: "test", Kind: &schemas.Control_TokenRevoked{TokenRevoked: &schemas.TokenRevoked{Id: "t-1"}}}); err != nil {
		t.Fatal(err)
	}
	if _, ok := r.Snapshot().Lookup(sum, now); ok {
		t.Error("a revoked token is found")
	}
}

func TestRebuildFindsAndPutsRight(t *testing.T) {
	log := openLog(t, t.TempDir())
	r, _ := start(t, log)
	for _, name := range []string{"a", "b", "c"} {
		apply(t, r, document(name))
	}
	remove(t, r, "Role", "c")
	for _, report := range rebuild(t, r) {
		if len(report.Differences) > 0 {
			t.Errorf("%s differs though nobody touched it: %v", report.Projection, report.Differences)
		}
	}

	bucket, err := log.Bucket(t.Context(), "resources")
	if err != nil {
		t.Fatal(err)
	}
	if err := bucket.Delete(t.Context(), "Role.a"); err != nil {
		t.Fatal(err)
	}
	if _, err := bucket.Put(t.Context(), "Role.ghost", []byte{8, 1}); err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, report := range rebuild(t, r) {
		found = append(found, report.Differences...)
	}
	if len(found) != 2 {
		t.Errorf("found %v, want the item that is missing and the one too many", found)
	}
	for _, report := range rebuild(t, r) {
		if len(report.Differences) > 0 {
			t.Errorf("%s still differs after it was put right: %v", report.Projection, report.Differences)
		}
	}
}

func rebuild(t *testing.T, r *registry.Registry) []registry.Report {
	t.Helper()
	var reports []registry.Report
	for _, name := range r.Projections() {
		report, err := r.Rebuild(t.Context(), name, func(uint64, uint64) {})
		if err != nil {
			t.Fatal(err)
		}
		reports = append(reports, report)
	}
	if len(reports) != 3 {
		t.Fatalf("%d reports, want one a bucket", len(reports))
	}
	return reports
}

// TestCertificatesStayRevoked has a certificate's token made again after it was revoked, as whoever presents it does.
func TestCertificatesStayRevoked(t *testing.T) {
	dir := t.TempDir()
	log := openLog(t, dir)
	r, stop := start(t, log)
	made := func(id string) *schemas.Control {
		return &schemas.Control{By: "robot", Kind: &schemas.Control_TokenCreated{TokenCreated: &schemas.TokenCreated{
			Id: id, Principal: &schemas.Principal{Name: "robot"}, Expires: time.Now().Add(time.Hour).UnixNano(),
		}}}
	}
	revoked := func(id string) *schemas.Control {
		return &schemas.Control{By: "bob", Kind: &schemas.Control_TokenRevoked{TokenRevoked: &schemas.TokenRevoked{Id: id}}}
	}
	for _, fact := range []*schemas.Control{made("c-one"), made("c-two"), revoked("c-one"), made("c-one")} {
		if err := r.Append(t.Context(), fact); err != nil {
			t.Fatal(err)
		}
	}
	holds := func(r *registry.Registry, when string) {
		t.Helper()
		for id, ended := range map[schemas.TokenID]bool{"c-one": true, "c-two": false} {
			s := r.Snapshot()
			if _, live := s.Token(id); live == ended || s.Ended(id) != ended {
				t.Errorf("%s: %s is live: %v, ended: %v", when, id, live, s.Ended(id))
			}
		}
	}
	holds(r, "at once")
	if report, err := r.Rebuild(t.Context(), "identity", func(uint64, uint64) {}); err != nil || len(report.Differences) > 0 {
		t.Errorf("rebuild: %v %v", report.Differences, err)
	}
	stop()
	again, _ := start(t, log)
	holds(again, "after a restart")
}
