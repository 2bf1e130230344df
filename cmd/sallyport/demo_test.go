package main_test

import (
	"strings"
	"testing"
)

// TestDemo runs the demo's story.
func TestDemo(t *testing.T) {
	t.Parallel()
	g := &gateway{t: t}
	out, err := g.command("demo", "--once").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "Every step was seen.") {
		t.Errorf("demo: %v\n%s", err, out)
	}
}
