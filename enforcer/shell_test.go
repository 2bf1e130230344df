package enforcer_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"sallyport/schemas"
)

// trick is one case of testdata/evasions/shell.
type trick struct {
	Name     string   `yaml:"name"`
	Text     string   `yaml:"text"`
	Runs     []string `yaml:"runs"`
	Sees     []string `yaml:"sees"`
	Reads    []string `yaml:"reads"`
	Writes   []string `yaml:"writes"`
	Opaque   bool     `yaml:"opaque"`
	Unparsed bool     `yaml:"unparsed"`
	Only     string   `yaml:"only"`
}

func tricks(t testing.TB, name string) []trick {
	t.Helper()
	var all []trick
	if err := yaml.UnmarshalWithOptions(file(t, "testdata/evasions/shell/"+name), &all, yaml.Strict()); err != nil {
		t.Fatal(err)
	}
	return all
}

const sshBase = `
apiVersion: sallyport/v1
kind: Target
metadata: {name: web1, labels: {env: prod}}
spec:
  protocol: ssh
  address: "h:22"
  credential: {username: deploy, certificate: true}
  unparsed: UNPARSED
  ssh: {hostKeys: ["ssh-ed25519 AAAA"], forwards: {local: ["*.internal:5432"], remote: ["localhost:8000-8099"]}}
---
apiVersion: sallyport/v1
kind: Role
metadata: {name: engineers}
spec: {members: {groups: [eng]}, targets: {names: [web1]}}
`

func sshRules(unparsed string, policies ...string) string {
	return strings.Replace(strings.ReplaceAll(rules(unparsed, policies...), "names: [orders]", "names: [web1]"), strings.Replace(base, "UNPARSED", unparsed, 1), strings.Replace(sshBase, "UNPARSED", unparsed, 1), 1)
}

func sshAsk(kind schemas.CommandKind, text string) *schemas.VerdictAsk {
	return &schemas.VerdictAsk{Session: "s", Protocol: "ssh", Target: "web1", Principal: alice(), Text: text, Kind: kind, Login: "deploy"}
}

func execAsk(text string) *schemas.VerdictAsk {
	return sshAsk(schemas.CommandKind_COMMAND_KIND_EXEC, text)
}

// programs returns the base names of what facts say is run.
func programs(f *schemas.ExecFacts) []string {
	var names []string
	for _, c := range f.GetCommands() {
		names = append(names, c.Program)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func TestShellEvasions(t *testing.T) {
	e, _ := newEnforcer(t, load(t, sshRules("allow")), nil)
	for _, name := range []string{"tricks.yaml", "plain.yaml"} {
		for _, c := range tricks(t, name) {
			t.Run(c.Name, func(t *testing.T) {
				got := e.Verdict(t.Context(), execAsk(strings.ReplaceAll(c.Text, "$BIN", "/opt/x"))).Exec
				if got.Opaque != c.Opaque || got.Unparsed != c.Unparsed {
					t.Errorf("%s\nopaque %v, want %v; unparsed %v, want %v: %s", c.Text, got.Opaque, c.Opaque, got.Unparsed, c.Unparsed, got.ParseError)
				}
				found := programs(got)
				for _, p := range c.Sees {
					if !slices.Contains(found, p) {
						t.Errorf("%s\nsees %q, not %s", c.Text, found, p)
					}
				}
				if name != "plain.yaml" {
					return
				}
				want := slices.Clone(c.Sees)
				slices.Sort(want)
				if d := cmp.Diff(want, found, cmpopts.EquateEmpty()); d != "" {
					t.Errorf("%s\n%s", c.Text, d)
				}
				if d := cmp.Diff([][]string{c.Reads, c.Writes}, [][]string{got.Reads, got.Writes}, cmpopts.EquateEmpty()); d != "" {
					t.Errorf("%s\n%s", c.Text, d)
				}
			})
		}
	}
}

// stage is a directory where programs are stand-ins that write down how they were called.
type stage struct{ dir, bin, log string }

// watched are programs of which a stand-in takes the place; the others run as well, for tricks use them.
var (
	watched  = []string{"curl", "ls", "sudo"}
	ordinary = []string{"env", "nohup", "timeout", "nice", "setsid", "stdbuf", "xargs", "find", "flock", "sh", "bash", "dash", "cat", "tee", "base64", "awk", "sed", "perl", "python3", "tar", "split", "cp", "mkdir", "touch", "true"}
)

func newStage(t *testing.T) *stage {
	dir := t.TempDir()
	s := &stage{dir: dir, bin: filepath.Join(dir, "bin"), log: filepath.Join(dir, "log")}
	if err := os.Mkdir(s.bin, 0o755); err != nil {
		t.Fatal(err)
	}
	write := func(name, last string) {
		// A call is one write, since others may be called at the same time.
		text := "#!/bin/dash\n_l=" + name + "\nfor _w; do _l=\"$_l\x01$_w\"; done\nprintf '%s\\002' \"$_l\" >> " + s.log + "\n" + last + "\n"
		if err := os.WriteFile(filepath.Join(s.bin, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range watched {
		last := "exit 0"
		if name == "sudo" {
			last = "while :; do case $1 in -u) shift 2;; --) shift; break;; *=*) shift;; *) break;; esac; done\nexec \"$@\""
		}
		write(name, last)
	}
	for _, name := range ordinary {
		at := "/usr/bin/" + name
		if _, err := os.Stat(at); err != nil {
			if at, err = exec.LookPath(name); err != nil {
				t.Fatalf("the tests need %s: %v", name, err)
			}
		}
		write(name, "exec "+at+" \"$@\"")
	}
	return s
}

// run has a real shell run text, and returns what was called.
func (s *stage) run(t *testing.T, shell, text string) [][]string {
	t.Helper()
	work, err := os.MkdirTemp(s.dir, "work")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.log, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, "/bin/"+shell, "-c", text)
	c.Dir, c.Env = work, []string{"PATH=" + s.bin, "BIN=" + s.bin, "HOME=" + work}
	c.WaitDelay = 10 * time.Second
	_ = c.Run() // many tricks end with an error
	if ctx.Err() != nil {
		t.Fatalf("%s does not end: %s", shell, text)
	}
	var calls [][]string
	for _, call := range strings.Split(string(file(t, s.log)), "\x02") {
		if call != "" {
			calls = append(calls, strings.Split(call, "\x01"))
		}
	}
	return calls
}

// isTold reports whether facts hold a call.
func isTold(f *schemas.ExecFacts, call []string) bool {
	return slices.ContainsFunc(f.Commands, func(c *schemas.ExecCommand) bool {
		if c.Program != call[0] || len(c.Unknown) == 0 && len(c.Argv) != len(call) {
			return false
		}
		return len(c.Unknown) > 0 || slices.Equal(c.Argv[1:], call[1:])
	})
}

// TestShellEvasionsRun holds the facts against what real shells do.
func TestShellEvasionsRun(t *testing.T) {
	e, _ := newEnforcer(t, load(t, sshRules("allow")), nil)
	s := newStage(t)
	for _, c := range tricks(t, "tricks.yaml") {
		if len(c.Runs) == 0 {
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			text := strings.ReplaceAll(c.Text, "$BIN", s.bin)
			facts := e.Verdict(t.Context(), execAsk(text)).Exec
			played := map[string]bool{}
			for _, shell := range []string{"bash", "dash"} {
				for _, call := range s.run(t, shell, text) {
					if call[0] == "curl" {
						played[shell] = true
					}
					if !facts.Opaque && !facts.Unparsed && !isTold(facts, call) {
						t.Errorf("%s runs %q, which the facts do not say:\n%s\n%v", shell, call, c.Text, facts)
					}
				}
			}
			for _, shell := range []string{"bash", "dash"} {
				if !played[shell] && (c.Only == "" || c.Only == shell) {
					t.Errorf("%s does not run curl, so this is no trick: %s", shell, c.Text)
				}
			}
		})
	}
}
