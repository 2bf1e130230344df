package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var blocks = regexp.MustCompile("(?ms)^ *```sh\n(.*?)^ *```")

// TestDocumentsRun runs every shell block of the README and the how-tos, as somebody would who
// pastes them, against a gateway that serves what the README declares.
func TestDocumentsRun(t *testing.T) {
	t.Parallel()
	pages := []string{"README.md", "deploy/docs/postgres.md", "deploy/docs/search.md", "deploy/docs/player.md", "deploy/docs/agents.md"}
	target := newTarget(t)
	g := newGateway(t, target, "")
	// What the README declares takes the place of what the other tests declare.
	readme := page(t, "README.md")
	yaml := regexp.MustCompile("(?ms)^ *```yaml\n(.*?)^ *```").FindStringSubmatch(readme)
	if yaml == nil {
		t.Fatal("the README declares nothing")
	}
	declared := strings.ReplaceAll(unindent(yaml[1]), "127.0.0.1:5432", target.Address())
	declared = strings.ReplaceAll(declared, "username: app", "username: postgres")
	write(t, filepath.Join(g.dir, "orders.yaml"), declared)
	g.sallyport("apply", "-f", filepath.Join(g.dir, "orders.yaml"))

	// `sallyport` and `bin/sallyport` are this binary.
	bin := filepath.Join(g.dir, "bin")
	if err := os.Mkdir(bin, 0o700); err != nil {
		t.Fatal(err)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(bin, "sallyport"), "#!/bin/sh\nexport "+runAsMain+"=1\nexec "+exe+" \"$@\"\n")
	if err := os.Chmod(filepath.Join(bin, "sallyport"), 0o700); err != nil {
		t.Fatal(err)
	}

	ran := 0
	for _, name := range pages {
		script := "set -euo pipefail\nexport PATH=" + bin + ":$PATH PGPASSWORD=" + g.token("alice@example.com") + "\n"
		for _, block := range blocks.FindAllStringSubmatch(page(t, name), -1) {
			for _, line := range strings.Split(unindent(block[1]), "\n") {
				line = strings.NewReplacer("port=7432", "port="+g.port, "127.0.0.1:7080", g.web).Replace(line)
				if words := strings.Fields(line); len(words) == 2 && words[0] == "make" {
					makeTarget(t, words[1])
					continue
				}
				script += line + "\n"
				ran++
			}
		}
		c := exec.Command("bash", "-c", script)
		c.Dir = g.dir
		c.Env = append(os.Environ(), "ORDERS_PASSWORD="+targetSecret)
		if out, err := c.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s\n--- what ran:\n%s", name, err, out, script)
		}
	}
	if ran < 4 {
		t.Errorf("only %d commands were found in the documents", ran)
	}
}

func page(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../..", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// unindent takes the common indentation of a list item away.
func unindent(block string) string {
	lines := strings.Split(strings.TrimRight(block, " \n"), "\n")
	indent := len(lines[0]) - len(strings.TrimLeft(lines[0], " "))
	for i, l := range lines {
		lines[i] = l[min(indent, len(l)):]
	}
	return strings.Join(lines, "\n") + "\n"
}

// makeTarget checks that make knows a target; running it from here would run this test.
func makeTarget(t *testing.T, name string) {
	t.Helper()
	c := exec.Command("make", "-n", name)
	c.Dir = "../.."
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("make %s: %v: %s", name, err, out)
	}
}
