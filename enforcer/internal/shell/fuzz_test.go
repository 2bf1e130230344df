package shell_test

import (
	"testing"

	"sallyport/enforcer/internal/shell"
)

// FuzzAnalyze: whatever a text says, its analysis ends, within its bounds, and names parts of it.
func FuzzAnalyze(f *testing.F) {
	for _, text := range []string{
		"", "ls -la | sudo xargs -I{} sh -c 'rm {}' > /etc/x 2>&1 &", "a=$(curl x); $a", "$'\\x63url' ${IFS}x", "bash <<E\nmysql -px\nE",
		"find . -exec rm {} \\; -o -fprintf f x", "((i++)); [[ $a -eq 1 ]]; echo ${b[i]:1:2} ${!c} ${d@P}", "{a..z}{1..99}{1,2}", "case x in a|b) ls;; esac",
		"f() { \"$@\"; }; function g { f; }; coproc x; time -p ls", "sed -e 's/a/b/e' -f f; awk '{print | \"sh\"}'", "curl -u a:b https://c:d@e --password=f",
		"su - x -c 'y'; script -qc z; watch -n1 ls; env -i A=b ls; flock f -c g", "`echo \\`id\\``", "cat <<-'E' <<<x\n\ta\n\tE",
	} {
		f.Add(text, false)
		f.Add(text, true)
	}
	a := shell.New(shell.Config{MaxText: 4 << 10, MaxCommands: 500})
	f.Fuzz(func(t *testing.T, text string, terminal bool) {
		got := a.Analyze(text, terminal)
		if got.Facts == nil {
			t.Fatal("no facts")
		}
		end := uint64(0)
		for _, s := range got.Secrets {
			if s.Offset < end || s.Offset+s.Length > uint64(len(text)) || s.Length == 0 || s.Marker == "" {
				t.Fatalf("secrets %v in a text of %d bytes", got.Secrets, len(text))
			}
			end = s.Offset + s.Length
		}
		for _, c := range got.Facts.Commands {
			if len(c.Argv) == 0 {
				t.Fatalf("a command without words: %v", got.Facts)
			}
			for _, u := range c.Unknown {
				if int(u) >= len(c.Argv) || c.Argv[u] != "" {
					t.Fatalf("word %d of %q is not known", u, c.Argv)
				}
			}
			if c.Program == "" && !got.Facts.Opaque && !got.Facts.Unparsed && len(got.Secrets) == 0 {
				t.Fatalf("a program that is not known, and the text is not opaque: %v", got.Facts)
			}
		}
		_ = shell.Programs(got.Facts)
	})
}
