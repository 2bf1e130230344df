package lineage

import (
	"sync"

	"sallyport/enforcer/internal/catalogue"
	"sallyport/enforcer/internal/pgsql"
	"sallyport/schemas"
)

// World is a catalogue with the masks of a target laid over it. It is safe for concurrent use; what
// it finds out about views and functions it keeps.
type World struct {
	parser    *pgsql.Analyzer
	catalogue *catalogue.Catalogue // nil: there is none
	masks     []Mask
	all       uint64

	mu        sync.Mutex
	relations map[uint32][]Column
	families  map[uint32]map[string]Taint
	summaries map[summaryKey]*summary
	origins   []Origin
	surveyed  bool

	results results
}

// Column is a column of a relation or a result.
type Column struct {
	Name  string
	Taint Taint
}

// Origin is a masked column of a relation.
type Origin struct {
	Table, Attribute uint32
	Taint            Taint
	Plain            bool // see plain
}

// NewWorld lays masks over a catalogue, which may be nil.
func NewWorld(parser *pgsql.Analyzer, c *catalogue.Catalogue, masks []Mask) *World {
	w := &World{
		parser: parser, catalogue: c, masks: masks, relations: map[uint32][]Column{},
		families: map[uint32]map[string]Taint{}, summaries: map[summaryKey]*summary{},
	}
	for i := range masks {
		w.all |= Bit(i)
	}
	return w
}

// unknown is the taint of what cannot be vouched for.
func (w *World) unknown(why string) Taint { return Taint{Masks: w.all | unseen, Column: why} }

// pattern is what the masks' patterns say of a column.
func (w *World) pattern(schema, table, column string) Taint {
	var t Taint
	for i, m := range w.masks {
		for _, p := range m.Columns {
			if p.matches(schema, table, column) {
				t.Masks |= Bit(i)
			}
		}
	}
	if keeps(schema, table, column) {
		t.Masks = w.all
	}
	if t.Any() {
		t.Column = pgsql.Qualify(schema, table, column)
	}
	return t
}

// uncovered is what of t no mask of u covers. Masks that share a bit do not stand for each other.
func (w *World) uncovered(t, u Taint) Taint {
	if len(w.masks) > maxMasks+1 {
		u.Masks &^= Bit(maxMasks)
	}
	t.Masks &^= u.Masks
	if t.Masks == 0 {
		return Taint{}
	}
	return t
}

// columns returns the columns of a relation, with what is masked in them. w.mu is held.
func (w *World) columns(r *schemas.Relation, b *budget) []Column {
	if found, ok := w.relations[r.Oid]; ok {
		return found
	}
	family := w.family(r)
	columns := make([]Column, len(r.Columns))
	for i, a := range r.Columns {
		columns[i] = Column{a.Name, w.pattern(r.Schema, r.Name, a.Name).and(family[a.Name])}
	}
	if r.Definition == "" || systemSchema(r.Schema) {
		w.relations[r.Oid] = columns
		return columns
	}
	whole := w.view(r, columns, b)
	if whole {
		w.relations[r.Oid] = columns
	}
	return columns
}

// view adds to a view's columns what its query reads. It reports whether that was the whole query: a
// view that is asked for inside itself is not.
func (w *World) view(r *schemas.Relation, columns []Column, b *budget) (whole bool) {
	if b.open[r.Oid] {
		b.cycles++
		return false
	}
	b.open[r.Oid] = true
	defer delete(b.open, r.Oid)
	before := b.cycles
	out, ok := w.definition(r.Definition, b)
	for i := range columns {
		switch {
		case !ok || out.open:
			columns[i].Taint = columns[i].Taint.and(out.everything()).and(w.unless(ok, "a view that cannot be parsed"))
		case i < len(out.columns):
			columns[i].Taint = columns[i].Taint.and(out.columns[i].Taint)
		default:
			columns[i].Taint = w.unknown("a view that is not as its query says")
		}
	}
	return b.cycles == before
}

func (w *World) unless(ok bool, why string) Taint {
	if ok {
		return Taint{}
	}
	return w.unknown(why)
}

// definition finds the columns of a view's query, which is written under an empty search path.
func (w *World) definition(text string, b *budget) (out table, ok bool) {
	tree, err := w.parser.Parse(text)
	if err != nil || len(tree.Stmts) != 1 || tree.Stmts[0].Stmt.GetSelectStmt() == nil {
		return table{}, false
	}
	e := newEval(w, Environment{Known: true}, b)
	return e.query(tree.Stmts[0].Stmt.GetSelectStmt()), true
}

// family returns, by column, what is masked in the inheritance tree of a table: the rows of a
// partition are read through its parent as well.
func (w *World) family(r *schemas.Relation) map[string]Taint {
	w.survey()
	return w.families[w.catalogue.Family(r.Oid)]
}

// survey finds the families once.
func (w *World) survey() {
	if w.surveyed {
		return
	}
	w.surveyed = true
	sizes := map[uint32]int{}
	for oid := range w.catalogue.Relations() {
		sizes[w.catalogue.Family(oid)]++
	}
	for oid, r := range w.catalogue.Relations() {
		root := w.catalogue.Family(oid)
		if sizes[root] < 2 {
			continue
		}
		if w.families[root] == nil {
			w.families[root] = map[string]Taint{}
		}
		for _, a := range r.Columns {
			if t := w.pattern(r.Schema, r.Name, a.Name); t.Any() {
				w.families[root][a.Name] = w.families[root][a.Name].and(t)
			}
		}
	}
}

// Origins returns every masked column of the catalogue.
func (w *World) Origins() []Origin {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.origins != nil {
		return w.origins
	}
	w.origins = []Origin{}
	for oid, r := range w.catalogue.Relations() {
		for i, c := range w.columns(r, newBudget()) {
			if c.Taint.Any() {
				w.origins = append(w.origins, Origin{oid, r.Columns[i].Number, c.Taint, plain(r, r.Columns[i])})
			}
		}
	}
	sortOrigins(w.origins)
	return w.origins
}

// plain reports whether the values of a column are what was stored in it, and not computed from others.
func plain(r *schemas.Relation, a *schemas.Attribute) bool {
	return (r.Kind == "r" || r.Kind == "p" || r.Kind == "f") && !a.Generated && !systemSchema(r.Schema)
}
