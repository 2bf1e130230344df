package pgsql

import (
	"maps"

	pgtypes "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"sallyport/enforcer/internal/catalogue"
	"sallyport/schemas"
)

// maxNesting is how deep texts within texts are followed: bodies, prepared statements, SQL in
// arguments. What is deeper makes the facts opaque.
const maxNesting = 8

// walker collects the facts of one text. It belongs to one call of Analyze.
type walker struct {
	a    *Analyzer
	root string // the client's text
	env  environment
	txn  *environment // as it was at BEGIN in this text

	prepared     map[string]string
	cursors      map[string]string
	usedPrepared bool
	before       []Before
	entered      map[any]bool // views and functions of the catalogue that are walked once
	inside       int          // how many of them this is inside of

	kinds, reads, writes, columns, functions set
	statements                               uint32
	unfiltered, opaque                       bool
	exact                                    bool // facts depend on more than the shape
	copiesIn                                 bool

	defining int                        // statements that define something: a SET in them is for later
	nesting  int                        // texts that this one is inside of
	sure     map[*pgtypes.FuncCall]bool // calls that run, whatever the data
	harmless map[*pgtypes.FuncCall]bool // calls of set_config that change no meaning
	deferred bool                       // a body that runs later, under its caller's path
	planOnly bool                       // EXPLAIN without ANALYZE: seen, not run
	scope    *scope
	effects  []*schemas.StateEffect
	hides    bool // a nested text holds a secret
	secrets  secrets
}

func newWalker(a *Analyzer, text string, s *schemas.SessionState, c *catalogue.Catalogue) *walker {
	w := &walker{
		a: a, root: text, env: newEnvironment(s, c), prepared: map[string]string{}, cursors: map[string]string{},
		entered: map[any]bool{},
		kinds:   set{}, reads: set{}, writes: set{}, columns: set{}, functions: set{},
	}
	for _, p := range s.Prepared {
		w.prepared[p.Name] = p.Text
	}
	for _, c := range s.Cursors {
		w.cursors[c.Name] = c.Text
	}
	return w
}

// run walks the client's text.
func (w *walker) run(text string) error {
	tree, err := w.a.parse(text)
	if err != nil {
		return err
	}
	w.statements = uint32(len(tree.Stmts))
	w.exact = len(tree.Stmts) == 0
	for _, s := range tree.Stmts {
		w.secrets.in(int(s.StmtLocation), int(s.StmtLen), len(text))
		if !byShape(s.Stmt) {
			w.exact = true
		}
		w.before = append(w.before, w.now(s.Stmt))
		w.sure = certain(s.Stmt.GetSelectStmt())
		w.harmless = w.pinned(s.Stmt.GetSelectStmt())
		w.visit(s.Stmt)
		w.transact(s.Stmt)
	}
	return nil
}

// now is what a statement finds.
func (w *walker) now(n *pgtypes.Node) Before {
	b := Before{Path: w.env.path, Known: w.env.known, User: w.env.user, Temporary: w.env.temps}
	switch { // EXECUTE also stands in EXPLAIN and CREATE TABLE AS
	case n.GetExecuteStmt() != nil, n.GetExplainStmt() != nil, n.GetCreateTableAsStmt() != nil:
		b.Prepared = maps.Clone(w.prepared)
		w.usedPrepared = true
	case n.GetFetchStmt() != nil:
		b.Cursors = maps.Clone(w.cursors)
		w.usedPrepared = true
	}
	return b
}

// nested walks a text inside the client's: kind says what it is to an error.
func (w *walker) nested(text string) {
	w.statementsOf(text, func(stmts []*pgtypes.RawStmt) {
		for _, s := range stmts {
			w.visit(s.Stmt)
		}
	})
}

// statementsOf parses a text inside the client's and hands its statements to f.
func (w *walker) statementsOf(text string, f func([]*pgtypes.RawStmt)) {
	w.exact = true
	if w.nesting >= maxNesting {
		w.opaque = true
		return
	}
	tree, err := w.a.parse(text)
	if err != nil {
		w.opaque = true
		return
	}
	outer, outerScope := w.secrets, w.scope
	w.secrets, w.scope = secrets{}, nil
	w.nesting++
	f(tree.Stmts)
	w.nesting--
	w.hides = w.hides || w.inside == 0 && w.secrets.wanted()
	w.secrets, w.scope = outer, outerScope
}

func (w *walker) result() *Analysis {
	spans := w.spans()
	return &Analysis{
		Facts: &schemas.SqlFacts{
			Kinds: w.kinds.sorted(), Reads: w.reads.sorted(), Writes: w.writes.sorted(),
			Columns: w.columns.sorted(), Functions: w.functions.sorted(),
			Statements: w.statements, UnfilteredWrite: w.unfiltered, Opaque: w.opaque,
		},
		Effects:  w.effects,
		Secrets:  spans,
		CopiesIn: w.copiesIn,
		Before:   w.before,
		ByShape:  !w.exact && len(spans) == 0,
	}
}

// visit walks a node: what means something has a method, the rest is walked through.
func (w *walker) visit(m proto.Message) {
	if m == nil || !m.ProtoReflect().IsValid() {
		return
	}
	if w.statement(m) {
		return
	}
	switch n := m.(type) {
	case *pgtypes.RangeVar:
		w.read(n)
	case *pgtypes.ColumnRef:
		w.column(n)
	case *pgtypes.FuncCall:
		w.call(n)
	case *pgtypes.A_Expr:
		w.operator(n)
	case *pgtypes.TypeName:
		w.typeName(n)
	case *pgtypes.PartitionCmd: // attached to or detached from
		if n.Name != nil {
			w.written(w.relation(n.Name)...)
		}
		w.children(n, "name")
	case *pgtypes.IndexElem:
		w.named(n.Name)
		w.children(n)
	default:
		w.children(m)
	}
}

// children visits everything below m, apart from the fields named.
func (w *walker) children(m proto.Message, except ...protoreflect.Name) {
	m.ProtoReflect().Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		if f.Kind() != protoreflect.MessageKind {
			return true
		}
		for _, name := range except {
			if f.Name() == name {
				return true
			}
		}
		if f.IsList() {
			for i, l := 0, v.List(); i < l.Len(); i++ {
				w.visit(l.Get(i).Message().Interface())
			}
		} else {
			w.visit(v.Message().Interface())
		}
		return true
	})
}

func (w *walker) nodes(list []*pgtypes.Node) {
	for _, n := range list {
		w.visit(n)
	}
}

// kind notes what a statement is. Under EXPLAIN without ANALYZE it does not happen.
func (w *walker) kind(names ...string) {
	if !w.planOnly {
		w.kinds.add(names...)
	}
}

// written notes a table that is written to.
func (w *walker) written(names ...string) {
	if w.planOnly {
		w.reads.add(names...)
		return
	}
	w.writes.add(names...)
	for _, n := range names {
		w.view(n, true)
		w.setsOff(n)
		if n == "pg_catalog.pg_settings" { // an UPDATE of this view is a SET
			w.effect(&schemas.StateEffect{Kind: schemas.StateEffect_KIND_UNKNOWN})
		}
	}
}

// read notes a table that is read, unless the name is that of a CTE.
func (w *walker) read(r *pgtypes.RangeVar) []string {
	if w.cte(r) {
		return nil
	}
	names := w.relation(r)
	w.reads.add(names...)
	for _, n := range names {
		w.view(n, false)
	}
	return names
}

// typeName looks at types whose numbers the grammar itself judges.
func (w *walker) typeName(n *pgtypes.TypeName) {
	names := parts(n.Names)
	last := ""
	if len(names) > 0 {
		last = names[len(names)-1]
	}
	if len(n.Typmods) > 0 || len(n.ArrayBounds) > 0 || len(names) == 2 && (last == "float4" || last == "float8") {
		w.exact = true
	}
}

// operator notes operators outside pg_catalog: they call somebody's functions.
func (w *walker) operator(n *pgtypes.A_Expr) {
	if names := parts(n.Name); len(names) == 2 && names[0] != schemaCatalog {
		w.functions.add(qualify(names...))
	}
	w.children(n)
}

// certain returns the calls that a SELECT of values alone makes.
func certain(s *pgtypes.SelectStmt) map[*pgtypes.FuncCall]bool {
	if s == nil || s.WithClause != nil || len(s.FromClause) > 0 || s.WhereClause != nil || s.Larg != nil ||
		s.HavingClause != nil || s.LimitCount != nil || s.LimitOffset != nil || len(s.GroupClause) > 0 {
		return nil
	}
	calls := map[*pgtypes.FuncCall]bool{}
	for _, t := range s.TargetList {
		if f := t.GetResTarget().GetVal().GetFuncCall(); f != nil {
			calls[f] = true
		}
	}
	return calls
}
