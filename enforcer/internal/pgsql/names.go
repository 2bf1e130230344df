package pgsql

import (
	_ "embed" // the lists of built-in names
	"slices"
	"strings"
	"sync"

	pgtypes "github.com/pganalyze/pg_query_go/v6"

	"sallyport/enforcer/internal/catalogue"
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
	temps []*schemas.Temporary

	catalogue *catalogue.Catalogue // nil: it is not known what there is
}

func newEnvironment(s *schemas.SessionState, c *catalogue.Catalogue) environment {
	e := environment{path: s.SearchPath, known: s.SearchPathKnown, own: s.SearchPathChanged, user: s.User, temps: s.Temporary, catalogue: c}
	if s.Role != "" {
		e.user = s.Role
	}
	return e
}

// candidates returns every qualified name that an unqualified one may stand for; builtin says that
// pg_catalog has it. sure is false when the search path is not known.
func (e environment) candidates(name string, builtin bool) (names []string, sure bool) {
	found, sure := e.schemas(builtin)
	for _, schema := range e.holding(name, found) {
		if schema == "" {
			names = append(names, quote(name))
		} else {
			names = append(names, qualify(schema, name))
		}
	}
	return names, sure
}

// holding keeps of the schemas those in which the catalogue has something of that name; where it has
// it in none, all of them.
func (e environment) holding(name string, found []string) []string {
	if e.catalogue == nil || !e.known || len(found) < 2 {
		return found
	}
	var kept []string
	for _, schema := range found {
		if schema == schemaCatalog || e.catalogue.Relation(schema, name) != nil || len(e.catalogue.Functions(schema, name)) > 0 {
			kept = append(kept, schema)
		}
	}
	if len(kept) == 0 {
		return found
	}
	return kept
}

// schemas returns where a name may be found; "" stands for none.
func (e environment) schemas(builtin bool) (found []string, sure bool) {
	if !e.known {
		found = []string{schemaPublic}
		if builtin {
			found = append(found, schemaCatalog)
		}
		return found, builtin
	}
	if builtin && !slices.Contains(e.path, schemaCatalog) {
		return []string{schemaCatalog}, true // searched first
	}
	for _, schema := range e.path {
		if schema == schemaUser && e.catalogue.HasSchema(e.user) {
			schema = e.user
		}
		if schema == schemaUser || schema == schemaCatalog && !builtin {
			continue
		}
		found = append(found, schema)
		if schema == schemaCatalog {
			return found, true
		}
	}
	if len(found) > 0 {
		return found, true
	}
	if slices.Contains(e.path, schemaUser) && e.user != "" {
		return []string{e.user}, true
	}
	return []string{""}, true
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
	names := w.resolve(r.GetRelname(), builtin)
	for _, t := range w.env.temps {
		if t.Name == r.GetRelname() { // it hides the others, unless it is gone
			names = append(names, qualify(schemaTemp, t.Name))
		}
	}
	return names
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

// called returns the qualified names of a function. One outside pg_catalog may fit its arguments
// better than pg_catalog's.
func (w *walker) called(names []string) []string {
	found := w.object(names, catalogFunctions())
	if len(names) != 1 || !catalogFunctions().has(names[0]) {
		return found
	}
	for _, schema := range w.env.path {
		if schema == schemaUser {
			schema = w.env.user
		}
		if schema != schemaCatalog && len(w.env.catalogue.Functions(schema, names[0])) > 0 && !slices.Contains(found, qualify(schema, names[0])) {
			found = append(found, qualify(schema, names[0]))
		}
	}
	return found
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
