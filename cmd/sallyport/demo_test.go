package main_test

import (
	"strings"
	"testing"
)

// TestDemo runs the demo's story, on a machine that has an sshd.
func TestDemo(t *testing.T) {
	t.Parallel()
	g := &gateway{t: t}
	out, err := g.command("demo", "--once").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "Every step was seen.") {
		t.Errorf("demo: %v\n%s", err, out)
	}
	for _, seen := range []string{"***************1111", "Ada Lovelace     ***************1111", "held for approval: destructive SQL", "held for approval: removing files", "on screen: http://"} {
		if !strings.Contains(string(out), seen) {
			t.Errorf("%q was to be seen:\n%s", seen, out)
		}
	}
}
