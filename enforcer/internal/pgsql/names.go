package pgsql

import (
	_ "embed" // the lists of built-in names
	"slices"
	"strings"
	"sync"

	pgtypes "github.com/pganalyze/pg_query_go/v6"

	"sallyport/schemas"
)

// Names of schemas.
const (
	schemaCatalog = "pg_catalog"
	schemaTemp    = "pg_temp"
	schemaPublic  = "public"
	schemaUser    = "$user"
)

// The names in pg_catalog of PostgreSQL 15, with what 16 to 18 added.
//
//go:embed data/functions.txt
var functionList string

//go:embed data/relations.txt
var relationList string

var (
	catalogFunctions = sync.OnceValue(func() set { return listed(functionList) })
	catalogRelations = sync.OnceValue(func() set { return listed(relationList) })
)

func listed(text string) set {
	s := set{}
	s.add(strings.Fields(text)...)
	return s
}

// environment is the part of the session state that names depend on. It is a value: a copy is a
// snapshot.
type environment struct {
	path  []string
	known bool
	own   bool // the path is this session's own doing
	user  string
}

func newEnvironment(s *schemas.SessionState) environment {
	e := environment{path: s.SearchPath, known: s.SearchPathKnown, own: s.SearchPathChanged, user: s.User}
	if s.Role != "" {
		e.user = s.Role
	}
	return e
}

// candidates returns every qualified name that an unqualified one may stand for; builtin says that
// pg_catalog has it. sure is false when the search path is not known.
func (e environment) candidates(name string, builtin bool) (names []string, sure bool) {
	if !e.known {
		names = []string{qualify(schemaPublic, name)}
		if builtin {
			names = append(names, qualify(schemaCatalog, name))
		}
		return names, builtin
	}
	if builtin && !slices.Contains(e.path, schemaCatalog) {
		return []string{qualify(schemaCatalog, name)}, true // searched first
	}
	for _, schema := range e.path {
		if schema == schemaUser || schema == schemaCatalog && !builtin {
			continue
		}
		names = append(names, qualify(schema, name))
		if schema == schemaCatalog {
			return names, true
		}
	}
	if len(names) > 0 {
		return names, true
	}
	if slices.Contains(e.path, schemaUser) && e.user != "" {
		return []string{qualify(e.user, name)}, true
	}
	return []string{quote(name)}, true
}

// relation returns the qualified names that a RangeVar may stand for.
func (w *walker) relation(r *pgtypes.RangeVar) []string {
	switch {
	case r.GetSchemaname() != "":
		return []string{qualify(r.Schemaname, r.Relname)}
	case r.GetRelpersistence() == "t":
		return []string{qualify(schemaTemp, r.GetRelname())}
	}
	_, builtin := catalogRelations()[r.GetRelname()]
	return w.resolve(r.GetRelname(), builtin)
}

// resolve qualifies a name that the text does not; where it cannot, the facts are opaque. So they
// are where a function is created under a path that its callers will not have.
func (w *walker) resolve(name string, builtin bool) []string {
	names, sure := w.env.candidates(name, builtin)
	if !sure || w.deferred && w.env.own && !builtin { // it means something else when it runs
		w.opaque = true
	}
	return names
}

// object returns the qualified names of an object that is written as a list of names.
func (w *walker) object(parts []string, builtins set) []string {
	if n := len(parts); n >= 2 {
		return []string{qualify(parts[n-2], parts[n-1])}
	} else if n == 1 {
		_, builtin := builtins[parts[0]]
		return w.resolve(parts[0], builtin)
	}
	return nil
}

// qualify writes parts with dots between.
func qualify(parts ...string) string {
	quoted := make([]string, len(parts))
	for i, p := range parts {
		quoted[i] = quote(p)
	}
	return strings.Join(quoted, ".")
}

// quote writes an identifier as it is, but in quotes when a dot or quote in it would mislead.
func quote(name string) string {
	if name == "" || strings.ContainsAny(name, `."`) {
		return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
	}
	return name
}

// parts returns the strings of a list of names.
func parts(nodes []*pgtypes.Node) []string {
	var names []string
	for _, n := range nodes {
		if s := n.GetString_(); s != nil {
			names = append(names, s.Sval)
		}
	}
	return names
}

// identifiers splits a list of identifiers as PostgreSQL does for search_path and for regclass:
// folded to lower case unless quoted. ok is false when it would not.
func identifiers(text string, separator byte) (names []string, ok bool) {
	rest := strings.TrimSpace(text)
	if rest == "" {
		return nil, separator == ','
	}
	for {
		var name string
		if name, rest, ok = identifier(rest); !ok {
			return nil, false
		}
		names = append(names, name)
		if rest = strings.TrimSpace(rest); rest == "" {
			return names, true
		}
		if rest[0] != separator {
			return nil, false
		}
		rest = strings.TrimSpace(rest[1:])
	}
}

func identifier(s string) (name, rest string, ok bool) {
	if strings.HasPrefix(s, `"`) {
		for i := 1; i < len(s); i++ {
			if s[i] != '"' {
				continue
			}
			if i+1 < len(s) && s[i+1] == '"' {
				i++
				continue
			}
			return cut(strings.ReplaceAll(s[1:i], `""`, `"`)), s[i+1:], i > 1
		}
		return "", "", false
	}
	end := strings.IndexAny(s, ",. \t\r\n\f\v")
	if end < 0 {
		end = len(s)
	}
	return cut(lower(s[:end])), s[end:], end > 0 && !strings.Contains(s[:end], `"`)
}

// lower folds ASCII only, as PostgreSQL does in UTF-8 databases.
func lower(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

// cut shortens a name to the 63 bytes that PostgreSQL keeps, at a character's end.
func cut(name string) string {
	if len(name) <= 63 {
		return name
	}
	n := 63
	for n > 0 && name[n]&0xC0 == 0x80 {
		n--
	}
	return name[:n]
}
