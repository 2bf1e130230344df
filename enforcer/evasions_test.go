package enforcer_test

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"sallyport/schemas"
)

// evasion is one case of testdata/evasions.
type evasion struct {
	Name    string       `yaml:"name"`
	SQL     string       `yaml:"sql"`
	State   evasionState `yaml:"state"`
	Verdict string       `yaml:"verdict"`
	By      []string     `yaml:"by"`
}

type evasionState struct {
	SearchPath  []string          `yaml:"search_path"`
	UnknownPath bool              `yaml:"unknown_path"`
	ChangedPath bool              `yaml:"changed_path"`
	Role        string            `yaml:"role"`
	Conforming  *bool             `yaml:"standard_conforming_strings"`
	Encoding    string            `yaml:"client_encoding"`
	Prepared    map[string]string `yaml:"prepared"`
	// Temporary relations of the session, with their columns.
	Temporary map[string][]string `yaml:"temporary"`
}

func (s evasionState) state() *schemas.SessionState {
	state := fresh()
	if s.SearchPath != nil {
		state.SearchPath = s.SearchPath
	}
	state.SearchPathKnown = !s.UnknownPath
	state.SearchPathChanged = s.ChangedPath
	state.Role = s.Role
	if s.Conforming != nil {
		state.StandardConformingStrings = *s.Conforming
	}
	if s.Encoding != "" {
		state.ClientEncoding = s.Encoding
	}
	for name, text := range s.Prepared {
		state.Prepared = append(state.Prepared, &schemas.Prepared{Name: name, Text: text})
	}
	for name, columns := range s.Temporary {
		state.Temporary = append(state.Temporary, &schemas.Temporary{Name: name, Columns: columns})
	}
	return state
}

var outcomes = map[string]schemas.Outcome{
	"allow": schemas.Outcome_OUTCOME_ALLOW, "deny": schemas.Outcome_OUTCOME_DENY, "hold": schemas.Outcome_OUTCOME_HOLD,
}

func evasions(t testing.TB) map[string][]evasion {
	t.Helper()
	files, err := filepath.Glob("testdata/evasions/*.yaml")
	if err != nil || len(files) < 2 {
		t.Fatal(files, err)
	}
	all := map[string][]evasion{}
	for _, f := range files {
		if filepath.Base(f) == "policies.yaml" {
			continue
		}
		var cases []evasion
		if err := yaml.UnmarshalWithOptions(file(t, f), &cases, yaml.Strict()); err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		all[filepath.Base(f)] = cases
	}
	return all
}

// judged compares a verdict with what a case wants.
func judged(t *testing.T, c evasion, got *schemas.VerdictAnswer) {
	t.Helper()
	by := policies(got)
	slices.Sort(by)
	slices.Sort(c.By)
	if got.Failure != "" || got.Outcome != outcomes[c.Verdict] || !cmp.Equal(by, c.By, cmpopts.EquateEmpty()) {
		t.Errorf("%s\n%s by %v, want %s by %v\n%v %s", c.SQL, got.Outcome, by, c.Verdict, c.By, got.Sql, got.Failure)
	}
}

func TestEvasions(t *testing.T) {
	e, _ := newEnforcer(t, load(t, string(file(t, "testdata/evasions/policies.yaml"))), nil)
	for name, cases := range evasions(t) {
		t.Run(name, func(t *testing.T) {
			for _, c := range cases {
				t.Run(c.Name, func(t *testing.T) {
					a := ask(c.SQL)
					a.State = c.State.state()
					judged(t, c, e.Verdict(t.Context(), a))
				})
			}
		})
	}
}
