package main

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPagesAreCurrent(t *testing.T) {
	for name, page := range pages("../../..") {
		want, err := page()
		if err != nil {
			t.Fatal(err)
		}
		have, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, string(have)); diff != "" {
			t.Errorf("%s is not what `make docs` writes:\n%s", name, diff)
		}
	}
}

// TestEveryRouteIsSaid holds that the OpenAPI document says what each operation is for, and that a
// route of which nothing is said would be noticed.
func TestEveryRouteIsSaid(t *testing.T) {
	text, err := openAPI("../../..")
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		Paths map[string]map[string]struct {
			Summary string `json:"summary"`
		} `json:"paths"`
	}
	if err := json.Unmarshal([]byte(text), &document); err != nil {
		t.Fatal(err)
	}
	if len(document.Paths) < 40 {
		t.Errorf("the document has %d paths: routes are not found", len(document.Paths))
	}
	for path, methods := range document.Paths {
		for method, o := range methods {
			if o.Summary == "" {
				t.Errorf("%s %s has no summary", method, path)
			}
		}
	}
	if err := complete([]string{"GET /api/v1/new"}, map[string]operation{}); err == nil {
		t.Error("a route of which nothing is said passes")
	}
	if err := complete(nil, map[string]operation{"GET /api/v1/old": {summary: "Gone."}}); err == nil {
		t.Error("what is said of a route that is gone passes")
	}
}
