package shell_test

import (
	"strings"
	"testing"
	"time"

	"sallyport/enforcer/internal/shell"
)

// TestWork holds that no text of the permitted size keeps the parser busy: each of these took long once, or might.
func TestWork(t *testing.T) {
	const size = 64 << 10
	a := shell.New(shell.Config{})
	for _, unit := range []string{
		"ls;", "a|", "a&&", "(", "$(", "{ ", "if ", "`", "\\`", "${x:-", "\"$(", "((", "case x in x) ", "f() ", "<(", "[[ ! ", "a=x;", "echo -px|", "eval ", "env ",
		"sh -c '", "{1..999999999}", "{a,b}", "{a,{b,", "mysql -px;", "sudo ", "xargs ", "find -exec ", "<<E\n", "<<'E'\nE\n", "$x", "'a'", "x=1 ", ">a ", "2>&1 ", "!", "a\\\n", "((x++))", "for i in ", "awk '{", "sed s/a/b/;",
	} {
		text := strings.Repeat(unit, size/len(unit))
		started := time.Now()
		for _, text := range []string{text, text[:size/64]} {
			a.Analyze(text, false)
		}
		if took := time.Since(started); took > time.Minute {
			t.Errorf("%q repeated took %s", unit, took)
		} else if took > 500*time.Millisecond {
			t.Logf("%q repeated took %s", unit, took)
		}
	}
}
