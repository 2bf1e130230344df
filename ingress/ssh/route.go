package ssh

import (
	"errors"
	"strings"
	"unicode/utf8"
)

// route is what a client says with its user name: PRINCIPAL[+TARGET[+LOGIN]]. A plus inside the
// principal is written %2B, a percent sign before two hexadecimal digits %25.
type route struct {
	principal string
	target    string // empty: the client will jump
	login     string // empty: the target's own
}

const maxUser = 512 // bytes of a user name

var errUser = errors.New("the user name is PRINCIPAL+TARGET or PRINCIPAL+TARGET+LOGIN, or PRINCIPAL alone to jump (ssh -J)")

func parseRoute(user string) (route, error) {
	if len(user) > maxUser || !utf8.ValidString(user) || strings.ContainsFunc(user, control) {
		return route{}, errUser
	}
	parts := strings.SplitN(user, "+", 3)
	r := route{principal: unescape(parts[0])}
	if r.principal == "" || strings.ContainsFunc(r.principal, control) {
		return route{}, errUser
	}
	if len(parts) > 1 {
		if r.target = parts[1]; r.target == "" {
			return route{}, errUser
		}
	}
	if len(parts) > 2 {
		if r.login = parts[2]; r.login == "" {
			return route{}, errUser
		}
	}
	return r, nil
}

func control(r rune) bool { return r < 0x20 || r == 0x7f || r == utf8.RuneError }

// unescape resolves %2B and %25, and nothing else: principals may have percent signs.
func unescape(s string) string {
	return strings.NewReplacer("%2B", "+", "%2b", "+", "%25", "%").Replace(s)
}
