package main_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"sallyport/cmd/internal/api"
	"sallyport/cmd/internal/client"
	"sallyport/cmd/internal/server"
)

// do makes a request as whoever a token proves, at the socket; "" is the administrator.
func (g *gateway) do(token, method, path string, query url.Values, body, answer any) error {
	g.t.Helper()
	return g.client.As(token).Do(context.Background(), method, path, query, body, answer)
}

// TestConsole holds what administrators are told about who changed what, and how the system is.
func TestConsole(t *testing.T) {
	t.Parallel()
	g := newGateway(t, newTarget(t), "")
	file := filepath.Join(g.dir, "admins.yaml")
	write(t, file, admins)
	g.sallyport("apply", "-f", file)
	bob := g.sallyport("token", "create", "--user", "bob@example.com", "--group", "admin")
	alice := g.token("alice@example.com")

	t.Run("history", func(t *testing.T) {
		for _, text := range []string{holds, strings.Replace(holds, "expires: 10m", "expires: 5m", 1)} {
			if err := g.do(bob, "POST", "/apply", nil, []byte(text), nil); err != nil {
				t.Fatal(err)
			}
		}
		if err := g.do(bob, "DELETE", "/resources/policy/no-destructive-sql", nil, nil, nil); err != nil {
			t.Fatal(err)
		}
		var answer struct {
			Revisions []api.Revision `json:"revisions"`
		}
		if err := g.do(bob, "GET", "/resources/policy/no-destructive-sql/history", nil, nil, &answer); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, r := range answer.Revisions {
			got = append(got, r.By+" "+r.Change)
		}
		if want := []string{"bob@example.com deleted", "bob@example.com changed", "bob@example.com changed", "system created"}; !slices.Equal(got, want) {
			t.Errorf("%q", got)
		}
		if r := answer.Revisions; !strings.Contains(r[1].YAML, "expires: 5m") || !strings.Contains(r[2].YAML, "expires: 10m") || r[0].YAML != "" {
			t.Errorf("%+v", r)
		}
		if err := g.do(bob, "GET", "/resources/policy/nothing/history", nil, nil, nil); err == nil {
			t.Error("history of what never was")
		}
	})

	t.Run("plan", func(t *testing.T) {
		var answer struct {
			Changes []api.Change `json:"changes"`
		}
		dry := url.Values{"dry_run": {"true"}}
		if err := g.do(bob, "POST", "/apply", dry, []byte(holds), &answer); err != nil {
			t.Fatal(err)
		}
		if c := answer.Changes; len(c) != 2 || c[0].Change != "created" || c[0].Before != "" || c[1].Change != "unchanged" || c[1].Before != c[1].After {
			t.Errorf("%+v", c)
		}
		if err := g.do(bob, "GET", "/resources/policy/no-destructive-sql", nil, nil, nil); err == nil {
			t.Error("a plan was carried out")
		}
		err := g.do(bob, "POST", "/apply", dry, []byte(strings.Replace(holds, "command.sql.kinds", "command.sql.kindz", 1)), nil)
		if err == nil || !strings.Contains(err.Error(), "kindz") {
			t.Errorf("a policy that does not compile: %v", err)
		}
	})

	t.Run("audit", func(t *testing.T) {
		var all []api.AuditEntry
		for before := ""; before != "0"; {
			var page api.Audit
			q := url.Values{"limit": {"3"}}
			if before != "" {
				q.Set("before", before)
			}
			if err := g.do(bob, "GET", "/audit", q, nil, &page); err != nil {
				t.Fatal(err)
			}
			all = append(all, page.Entries...)
			before = strconv.FormatUint(page.Next, 10)
		}
		if !slices.IsSortedFunc(all, func(a, b api.AuditEntry) int { return int(b.Sequence) - int(a.Sequence) }) || len(all) < 9 {
			t.Errorf("%d entries: %+v", len(all), all)
		}
		var page api.Audit
		if err := g.do(bob, "GET", "/audit", url.Values{"area": {"identity"}, "by": {"admin"}}, nil, &page); err != nil {
			t.Fatal(err)
		}
		if len(page.Entries) != 2 || page.Entries[0].Facts["principal name"] != "alice@example.com" || page.Entries[0].Facts["principal kind"] != "user" {
			t.Errorf("%+v", page.Entries)
		}
		for _, e := range all {
			for name := range e.Facts {
				if strings.Contains(name, "verifier") || strings.Contains(name, "lookup") || strings.Contains(name, "document") {
					t.Errorf("%s tells %s", e.What, name)
				}
			}
		}
	})

	t.Run("health", func(t *testing.T) {
		var h server.Health
		if err := g.do(bob, "GET", "/health", nil, nil, &h); err != nil {
			t.Fatal(err)
		}
		if !h.Ready || len(h.Streams) != 4 || len(h.Projections) != 7 || len(h.Gateways) != 1 || len(h.Services) != 5 || h.Disk == nil {
			t.Errorf("%+v", h)
		}
		for _, s := range h.Streams {
			if s.Name == "CONTROL" && (s.Messages == 0 || s.Bytes == 0 || s.Oldest == nil || s.Last != s.Messages) {
				t.Errorf("%+v", s)
			}
		}
		g.await("projections to catch up", func() bool {
			if err := g.do(bob, "GET", "/health", nil, nil, &h); err != nil {
				t.Fatal(err)
			}
			return !slices.ContainsFunc(h.Projections, func(p server.ProjectionHealth) bool { return p.Lag > 0 })
		})
	})

	t.Run("searches", func(t *testing.T) {
		list := func(token string) (kept []api.SavedSearch) {
			var answer struct {
				Searches []api.SavedSearch `json:"searches"`
			}
			if err := g.do(token, "GET", "/searches", nil, nil, &answer); err != nil {
				t.Fatal(err)
			}
			return answer.Searches
		}
		const path = "/searches/drops of today"
		for _, q := range []string{"kind:DROP", "kind:DROP after:today"} {
			if err := g.do(alice, "PUT", path, nil, map[string]string{"query": q}, nil); err != nil {
				t.Fatal(err)
			}
		}
		if kept := list(alice); !slices.Equal(kept, []api.SavedSearch{{Name: "drops of today", Query: "kind:DROP after:today"}}) {
			t.Errorf("%+v", kept)
		}
		if kept := list(bob); len(kept) != 0 {
			t.Errorf("bob sees what alice keeps: %+v", kept)
		}
		if err := g.do(alice, "PUT", path, nil, map[string]string{"query": ""}, nil); err == nil {
			t.Error("an empty query was kept")
		}
		if err := g.do(bob, "DELETE", path, nil, nil, nil); err == nil {
			t.Error("bob made alice forget")
		}
		if err := g.do(alice, "DELETE", path, nil, nil, nil); err != nil || len(list(alice)) != 0 {
			t.Errorf("forget: %v", err)
		}
	})

	t.Run("openapi", func(t *testing.T) {
		var document struct {
			OpenAPI string                    `json:"openapi"`
			Paths   map[string]map[string]any `json:"paths"`
		}
		if err := g.do(alice, "GET", "/openapi.json", nil, nil, &document); err != nil {
			t.Fatal(err)
		}
		if document.OpenAPI != "3.1.0" || len(document.Paths) < 40 {
			t.Errorf("%s, %d paths", document.OpenAPI, len(document.Paths))
		}
		// Everything that it names is there: no read of it leads nowhere.
		for path, item := range document.Paths {
			path, ok := strings.CutPrefix(path, "/api/v1")
			if item["get"] == nil || !ok || path == "/verify" || path == "/events" {
				continue
			}
			var p *client.Problem
			at := strings.NewReplacer("{", "", "}", "").Replace(path)
			if err := g.do(bob, "GET", at, nil, nil, nil); errors.As(err, &p) && strings.Contains(p.Detail, "there is nothing at") {
				t.Errorf("GET %s: %v", at, err)
			}
		}
	})

	for _, path := range []string{"/audit", "/health", "/resources/policy/no-destructive-sql/history"} {
		var p *client.Problem
		if err := g.do(alice, "GET", path, nil, nil, nil); !errors.As(err, &p) || p.Status != http.StatusForbidden {
			t.Errorf("alice asks for %s: %v", path, err)
		}
	}
}
