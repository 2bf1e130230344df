package resources

import (
	"fmt"
	"regexp"
	"strings"
)

// Position is a place in a file, both counted from 1. Column counts characters.
type Position struct {
	Line   int
	Column int
}

// Source is where a resource was found.
type Source struct {
	File   string
	At     Position            // of the document
	Fields map[string]Position // of values, by path: "spec.when"
}

// Error is what is wrong with a file of resources.
type Error struct {
	File    string
	At      Position // zero: not known
	Path    string   // of the field: "spec.targets.labels"; may be empty
	Message string
	Snippet string // the lines around; may be empty
}

func (e *Error) Error() string {
	var b strings.Builder
	if e.File != "" {
		b.WriteString(e.File + ":")
	}
	if e.At.Line > 0 {
		fmt.Fprintf(&b, "%d:%d:", e.At.Line, e.At.Column)
	}
	if b.Len() > 0 {
		b.WriteString(" ")
	}
	if e.Path != "" {
		b.WriteString(e.Path + ": ")
	}
	b.WriteString(e.Message)
	if e.Snippet != "" {
		b.WriteString("\n" + e.Snippet)
	}
	return b.String()
}

// Errors are all that is wrong with a file, in order.
type Errors []*Error

func (es Errors) Error() string {
	lines := make([]string, len(es))
	for i, e := range es {
		lines[i] = e.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap gives each to errors.As.
func (es Errors) Unwrap() []error {
	errs := make([]error, len(es))
	for i, e := range es {
		errs[i] = e
	}
	return errs
}

// secretLine is a line that may hold a secret written out by mistake: it is never shown.
var secretLine = regexp.MustCompile(`(?i)passw|secret|credential|sealed|token`)

// snippet shows the line at p with a caret under the column, and one line before and after it.
func snippet(data []byte, p Position) string {
	lines := strings.Split(string(data), "\n")
	if p.Line < 1 || p.Line > len(lines) || secretLine.MatchString(lines[p.Line-1]) {
		return ""
	}
	var b strings.Builder
	for n := max(1, p.Line-1); n <= min(len(lines), p.Line+1); n++ {
		text := strings.TrimRight(lines[n-1], "\r")
		if n != p.Line && (strings.TrimSpace(text) == "" || secretLine.MatchString(text)) {
			continue
		}
		fmt.Fprintf(&b, "%s %4d | %s\n", map[bool]string{true: ">", false: " "}[n == p.Line], n, clip(text))
		if n == p.Line {
			fmt.Fprintf(&b, "       | %s^\n", strings.Repeat(" ", min(max(p.Column-1, 0), len(clip(text)))))
		}
	}
	return strings.TrimRight(b.String(), "\n")
}

func clip(line string) string {
	if r := []rune(line); len(r) > 160 {
		return string(r[:160]) + "…"
	}
	return line
}
