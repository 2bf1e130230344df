package restricted

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"sync"

	"golang.org/x/term"
)

// Runner has lines decided and run.
type Runner interface {
	// Run decides a text and runs it on the target; output goes to out, with line breaks as the target writes them. A refusal
	// is told in out as well, with status 1. An error ends the shell. When ctx is done, it ends what runs.
	Run(ctx context.Context, text string, out io.Writer) (status int, err error)
}

// Config is what a shell needs.
type Config struct {
	Runner Runner
	Name   string // in the prompt: deploy@web1
	// Keys is what the client types, Screen where it reads. Screen is written to by one goroutine at a time.
	Keys   io.Reader
	Screen io.Writer
	// Columns and Rows are the size of the client's terminal.
	Columns, Rows int
}

// Shell is one. Run runs it.
type Shell struct {
	c    Config
	keys *keyReader
	dir  string // of the next line; empty: where the target begins

	mu   sync.Mutex // of what Resize looks at
	term *term.Terminal
	size [2]int
}

// New returns a shell.
func New(c Config) *Shell {
	s := &Shell{c: c, keys: newKeyReader(c.Keys), size: [2]int{c.Columns, c.Rows}}
	s.again()
	return s
}

// Resize follows the client's terminal.
func (s *Shell) Resize(columns, rows int) {
	s.mu.Lock()
	s.size = [2]int{columns, rows}
	t := s.term
	s.mu.Unlock()
	if columns > 0 && rows > 0 {
		_ = t.SetSize(columns, rows) // it redraws; a screen that is gone is seen by the next write
	}
}

func (s *Shell) prompt() string {
	dir := s.dir
	if dir == "" {
		dir = "~"
	}
	return s.c.Name + ":" + dir + "$ "
}

// Run reads lines until the client leaves, and returns the status of the last line that ran.
func (s *Shell) Run(ctx context.Context) (status int, err error) {
	defer s.keys.stop()
	for ctx.Err() == nil {
		s.term.SetPrompt(s.prompt())
		line, err := s.term.ReadLine()
		switch {
		case errors.Is(err, term.ErrPasteIndicator):
		case errors.Is(err, io.EOF) && s.keys.interrupted():
			_, _ = io.WriteString(s.c.Screen, "^C\r\n")
			s.again()
			continue
		case errors.Is(err, io.EOF):
			_, _ = io.WriteString(s.c.Screen, "\r\n")
			return status, nil
		case err != nil:
			return status, err
		}
		switch line = strings.TrimSpace(line); line {
		case "":
			continue
		case "exit", "logout":
			return status, nil
		}
		if status, err = s.line(ctx, line); err != nil {
			return status, err
		}
	}
	return status, ctx.Err()
}

// again makes an editor that has nothing of the line that was interrupted; its history is kept.
func (s *Shell) again() {
	t := term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{s.keys, s.c.Screen}, s.prompt())
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.term != nil {
		t.History = s.term.History
	}
	if s.size[0] > 0 && s.size[1] > 0 {
		_ = t.SetSize(s.size[0], s.size[1])
	}
	s.term = t
}

// plainCD is a line that changes the directory and does nothing else.
var plainCD = regexp.MustCompile(`^cd(\s+(-|[A-Za-z0-9._~/+@%,:=][A-Za-z0-9._~/+@%,:=-]*))?$`)

func (s *Shell) line(ctx context.Context, line string) (status int, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer s.keys.onInterrupt(cancel)()
	screen := &lineBreaks{w: s.c.Screen}
	text := line
	if s.dir != "" {
		text = "cd -- " + quote(s.dir) + " && " + group(line)
	}
	if !plainCD.MatchString(line) {
		status, err = s.c.Runner.Run(ctx, text, screen)
		return status, screen.end(err)
	}
	var where bytes.Buffer
	status, err = s.c.Runner.Run(ctx, text+" && pwd", &where)
	if err != nil {
		return status, err
	}
	if dir, ok := directory(where.String()); status == 0 && ok {
		s.dir = dir
		return 0, nil
	}
	_, err = screen.Write(where.Bytes())
	return status, screen.end(err)
}

// directory is the last line of what pwd said: cd may have said something before.
func directory(said string) (string, bool) {
	said = strings.TrimSuffix(said, "\n")
	dir := said[strings.LastIndexByte(said, '\n')+1:]
	return dir, strings.HasPrefix(dir, "/")
}

// quote makes a word of a text (XCU 2.2.2).
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// group makes one command of a line that may be a list; a line that cannot be grouped is no list, or fails alone.
func group(line string) string {
	if strings.ContainsAny(line, ";&|\n#(){}`") {
		return "{ " + line + "\n}"
	}
	return line
}

// lineBreaks writes line breaks as a terminal needs them.
type lineBreaks struct {
	w    io.Writer
	last byte
}

func (l *lineBreaks) Write(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	l.last = b[len(b)-1]
	if _, err := l.w.Write(bytes.ReplaceAll(b, []byte("\n"), []byte("\r\n"))); err != nil {
		return 0, fmt.Errorf("write to the client: %w", err)
	}
	return len(b), nil
}

// end ends a line that the target did not.
func (l *lineBreaks) end(err error) error {
	if err == nil && l.last != 0 && l.last != '\n' {
		_, err = io.WriteString(l.w, "\r\n")
	}
	return err
}
