package replay

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"sallyport/schemas/screen"
)

func displayWidth(s string) (n int) {
	for _, r := range s {
		n += screen.Width(r)
	}
	return n
}

// plain makes s harmless for a terminal, as psql does: control characters, which could move the
// cursor or reprogram the terminal of whoever replays the session, become \xNN, and marks that
// turn the direction of writing \uNNNN. Line breaks stay; tabs become spaces.
func plain(s string) string {
	if !strings.ContainsFunc(s, harmful) && utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\t':
			b.WriteString("    ")
		case !harmful(r):
			b.WriteRune(r)
		case r < 0x100:
			fmt.Fprintf(&b, `\x%02X`, r)
		default:
			fmt.Fprintf(&b, `\u%04X`, r)
		}
	}
	return b.String()
}

func harmful(r rune) bool {
	return r != '\n' && unicode.IsControl(r) || 0x202A <= r && r <= 0x202E || 0x2066 <= r && r <= 0x2069 || r == 0x200E || r == 0x200F || r == 0x2028 || r == 0x2029
}

// cut splits off a prefix of at most most columns, and at least one character.
func cut(s string, most int) (head, rest string) {
	n := 0
	for i, r := range s {
		if n += screen.Width(r); n > most && i > 0 {
			return s[:i], s[i:]
		}
	}
	return s, ""
}

// pad fills up to width columns.
func pad(s string, width int, right bool) string {
	fill := strings.Repeat(" ", max(0, width-displayWidth(s)))
	if right {
		return fill + s
	}
	return s + fill
}
