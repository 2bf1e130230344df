package main_test

import (
	"bufio"
	"os/exec"
	"strings"
	"testing"
)

// layer returns the number of a package's layer, lowest first, and whether its layer's packages
// are siblings, which never import each other across folders. Widening this to mend a build is a
// change of design, and belongs in ARCHITECTURE.md with its reason.
func layer(pkg string) (n int, siblings bool) {
	top, rest, _ := strings.Cut(strings.TrimPrefix(pkg, "sallyport/"), "/")
	switch top {
	case "schemas":
		switch {
		case rest == "", rest == "values", rest == "resources", rest == "problem", rest == "approval", rest == "freeport", strings.HasPrefix(rest, "events"):
			return 1, false
		case rest == "journal", strings.HasPrefix(rest, "journal/"):
			return 2, false
		}
		return 3, false // schemas/registry: a fold of the log that every service follows
	case "enforcer", "approvals", "replay", "search", "ingress":
		return 4, true
	case "cmd":
		return 5, false
	}
	return 0, false
}

func TestLayers(t *testing.T) {
	for pkg, imports := range imports(t) {
		n, siblings := layer(pkg)
		if n == 0 {
			t.Errorf("%s belongs to no layer", pkg)
		}
		for _, i := range imports {
			if strings.Contains(i, "nats-io/") && !strings.HasPrefix(pkg, "sallyport/schemas/journal") {
				t.Errorf("%s imports %s: only schemas/journal does", pkg, i)
			}
			if !strings.HasPrefix(i, "sallyport/") {
				continue
			}
			m, _ := layer(i)
			if m > n {
				t.Errorf("%s imports %s, of a higher layer", pkg, i)
			}
			if siblings && m == n && folder(pkg) != folder(i) {
				t.Errorf("%s imports its sibling %s", pkg, i)
			}
		}
	}
}

func folder(pkg string) string {
	top, _, _ := strings.Cut(strings.TrimPrefix(pkg, "sallyport/"), "/")
	return top
}

// imports returns what each package of the module imports, tests left out.
func imports(t *testing.T) map[string][]string {
	t.Helper()
	c := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "sallyport/...")
	out, err := c.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	all := make(map[string][]string)
	lines := bufio.NewScanner(strings.NewReader(string(out)))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		all[words[0]] = words[1:]
	}
	if len(all) < 10 {
		t.Fatalf("only %d packages were found", len(all))
	}
	return all
}
