package pgsql

import (
	"slices"

	pgtypes "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/proto"

	"sallyport/schemas"
)

// note adds an effect that what follows in the text does not depend on otherwise. What a nested text
// does the gateway learns from the catalogue.
func (w *walker) note(e *schemas.StateEffect) {
	w.exact = true
	if !w.planOnly && w.nesting == 0 {
		w.effects = append(w.effects, e)
	}
}

// declare follows a DECLARE CURSOR.
func (w *walker) declare(s *pgtypes.DeclareCursorStmt) {
	w.kind("DECLARE")
	w.visit(s.Query)
	text, ok := w.after("FOR")
	if w.nesting > 0 || w.planOnly {
		return
	}
	if !ok {
		w.closed(s.Portalname)
		return
	}
	w.cursors[s.Portalname] = text
	w.note(&schemas.StateEffect{Kind: schemas.StateEffect_KIND_CURSOR, Name: s.Portalname, Values: []string{text}})
}

// closed follows a CLOSE; without a name, of all cursors.
func (w *walker) closed(name string) {
	if w.nesting > 0 || w.planOnly {
		return
	}
	if name == "" {
		clear(w.cursors)
	} else {
		delete(w.cursors, name)
	}
	w.note(&schemas.StateEffect{Kind: schemas.StateEffect_KIND_CURSOR_CLOSED, Name: name})
}

// madeTemporary follows the making of a temporary relation; without columns, they are not known.
func (w *walker) madeTemporary(r *pgtypes.RangeVar, columns []string) {
	if r.GetRelpersistence() != "t" && r.GetSchemaname() != schemaTemp || w.nesting > 0 || w.planOnly {
		return
	}
	w.setTemporary(r.GetRelname(), columns)
}

func (w *walker) setTemporary(name string, columns []string) {
	w.env.temps = append(w.without(name), &schemas.Temporary{Name: name, Columns: columns})
	w.note(&schemas.StateEffect{Kind: schemas.StateEffect_KIND_TEMPORARY, Name: name, Values: columns})
}

// without returns the temporary relations but one, as a list of their own.
func (w *walker) without(name string) []*schemas.Temporary {
	return slices.DeleteFunc(slices.Clone(w.env.temps), func(t *schemas.Temporary) bool { return t.Name == name })
}

// dropTemporary follows the end of a temporary relation; without a name, of all.
func (w *walker) dropTemporary(name string) {
	if w.nesting > 0 || w.planOnly {
		return
	}
	if name == "" {
		w.env.temps = nil
	} else {
		w.env.temps = w.without(name)
	}
	w.note(&schemas.StateEffect{Kind: schemas.StateEffect_KIND_TEMPORARY_DROPPED, Name: name})
}

// temporary reports whether a name is that of a temporary relation of the session.
func (w *walker) temporary(schema, name string) bool {
	return (schema == "" || schema == schemaTemp) && slices.ContainsFunc(w.env.temps, func(t *schemas.Temporary) bool { return t.Name == name })
}

func (w *walker) droppedTemporary(s *pgtypes.DropStmt) {
	switch s.RemoveType {
	case pgtypes.ObjectType_OBJECT_TABLE, pgtypes.ObjectType_OBJECT_VIEW:
	default:
		return
	}
	for _, o := range s.Objects {
		names := parts(o.GetList().GetItems())
		schema := ""
		if len(names) > 1 {
			schema = names[len(names)-2]
		}
		if n := len(names); n > 0 && w.temporary(schema, names[n-1]) {
			w.dropTemporary(names[n-1])
		}
	}
}

// redefined notes that a statement changes the catalogue. A change of a temporary relation leaves its
// columns unknown.
func (w *walker) redefined(m proto.Message) {
	if w.planOnly || w.defining > 0 {
		return
	}
	switch s := m.(type) {
	case *pgtypes.CreateStmt:
		w.changed(s.Relation)
	case *pgtypes.CreateTableAsStmt:
		w.changed(s.Into.GetRel())
	case *pgtypes.ViewStmt:
		w.changed(s.View)
	case *pgtypes.SelectStmt:
		if s.IntoClause != nil {
			w.changed(s.IntoClause.Rel)
		}
	case *pgtypes.AlterTableStmt:
		w.altered(s.Relation)
	case *pgtypes.RenameStmt:
		w.altered(s.Relation)
	case *pgtypes.DropStmt, *pgtypes.AlterObjectSchemaStmt, *pgtypes.CreateSchemaStmt, *pgtypes.CreateFunctionStmt,
		*pgtypes.AlterFunctionStmt, *pgtypes.CreateTrigStmt, *pgtypes.RuleStmt, *pgtypes.CreateExtensionStmt,
		*pgtypes.CreateForeignTableStmt, *pgtypes.ImportForeignSchemaStmt, *pgtypes.DefineStmt, *pgtypes.CompositeTypeStmt,
		*pgtypes.DropOwnedStmt, *pgtypes.DoStmt, *pgtypes.CallStmt, *pgtypes.AlterExtensionStmt, *pgtypes.CreateSeqStmt:
		w.changed(nil)
	}
}

// changed notes that the catalogue is not what it was, unless r is temporary.
func (w *walker) changed(r *pgtypes.RangeVar) {
	if r.GetRelpersistence() == "t" || r.GetSchemaname() == schemaTemp {
		return
	}
	if n := len(w.effects); n > 0 && w.effects[n-1].Kind == schemas.StateEffect_KIND_CATALOGUE {
		return
	}
	w.exact = true
	w.effects = append(w.effects, &schemas.StateEffect{Kind: schemas.StateEffect_KIND_CATALOGUE})
}

func (w *walker) altered(r *pgtypes.RangeVar) {
	if r != nil && w.temporary(r.Schemaname, r.Relname) && w.nesting == 0 {
		w.setTemporary(r.Relname, nil)
		return
	}
	w.changed(r)
}
