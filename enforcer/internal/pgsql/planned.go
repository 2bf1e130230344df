package pgsql

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	pgtypes "github.com/pganalyze/pg_query_go/v6"
	pgquery "github.com/wasilibs/go-pgquery"
	"google.golang.org/protobuf/reflect/protoreflect"

	"sallyport/enforcer/internal/catalogue"
	"sallyport/schemas"
)

// Bounds of what a planner is asked about.
const (
	maxPlanned       = 128 << 10 // bytes of the text
	maxPlannedValues = 1000      // rows of an INSERT … VALUES
)

// Planned returns a SELECT that finds the rows that text would return or change, in place of text: the
// planner is asked about it, so that whoever asks needs no right to write. It is one statement of plain
// SELECT, INSERT, UPDATE, DELETE or MERGE, and calls nothing but PostgreSQL's own functions, since a
// planner runs functions that call themselves immutable or stable when their arguments are constants
// (eval_const_expressions and estimate_expression_value in PostgreSQL's clauses.c). Planned never
// fails: what it cannot write has a failure that says why, without anything of the text.
func (a *Analyzer) Planned(text string, state *schemas.SessionState, c *catalogue.Catalogue) *schemas.Planned {
	out, err := a.planned(text, state, c)
	if err != nil {
		return &schemas.Planned{Failure: err.Error()}
	}
	return out
}

var (
	errNotPlain    = errors.New("it is not one plain SELECT, INSERT, UPDATE, DELETE or MERGE")
	errUnwritable  = errors.New("it cannot be written as a SELECT")
	errForeignCall = errors.New("planning it could run functions that are not PostgreSQL's own")
	errTemporary   = errors.New("the session has temporary tables, which nobody else sees")
	errPath        = errors.New("it is not known where the session looks for tables")
	errLong        = errors.New("it is too long")
)

func (a *Analyzer) planned(text string, state *schemas.SessionState, c *catalogue.Catalogue) (*schemas.Planned, error) {
	switch {
	case foreign(text, state) != "":
		return nil, errNotPlain
	case len(state.GetTemporary()) > 0:
		return nil, errTemporary
	case !state.GetSearchPathKnown():
		return nil, errPath
	}
	tree, err := a.parse(text)
	if err != nil || len(tree.Stmts) != 1 {
		return nil, errNotPlain
	}
	s, err := selecting(tree.Stmts[0].Stmt)
	if err != nil {
		return nil, err
	}
	out := &schemas.Planned{Parameters: renumber(s)}
	tree.Stmts = []*pgtypes.RawStmt{{Stmt: node(s)}}
	if out.Text, err = a.deparse(tree); err != nil {
		return nil, errUnwritable
	}
	if len(out.Text) > maxPlanned {
		return nil, errLong
	}
	return out, a.harmless(out.Text, state, c)
}

// harmless holds what will be planned against the facts that every text is held against.
func (a *Analyzer) harmless(text string, state *schemas.SessionState, c *catalogue.Catalogue) error {
	found := a.Analyze(text, state, c)
	f := found.Facts
	if f.Unparsed || f.Opaque || f.Statements != 1 || !slices.Equal(f.Kinds, []string{"SELECT"}) || len(f.Writes) > 0 || len(found.Effects) > 0 {
		return errNotPlain
	}
	for _, name := range f.Functions {
		if !strings.HasPrefix(name, schemaCatalog+".") {
			return errForeignCall
		}
	}
	return nil
}

func (a *Analyzer) deparse(tree *pgtypes.ParseResult) (text string, err error) {
	a.slots <- struct{}{}
	defer func() { <-a.slots }()
	defer rescue(&err)
	return pgquery.Deparse(tree)
}

// selecting returns the SELECT that finds the rows of a statement.
func selecting(n *pgtypes.Node) (s *pgtypes.SelectStmt, err error) {
	switch {
	case n.GetSelectStmt() != nil:
		s = n.GetSelectStmt()
	case n.GetUpdateStmt() != nil:
		u := n.GetUpdateStmt()
		s = finding(u.WithClause, u.WhereClause, u.Relation, u.FromClause)
	case n.GetDeleteStmt() != nil:
		d := n.GetDeleteStmt()
		s = finding(d.WithClause, d.WhereClause, d.Relation, d.UsingClause)
	case n.GetInsertStmt() != nil:
		s, err = inserted(n.GetInsertStmt())
	case n.GetMergeStmt() != nil:
		s = merged(n.GetMergeStmt())
	default:
		return nil, errNotPlain
	}
	if err == nil {
		err = reading(s.ProtoReflect())
	}
	return s, err
}

// finding selects from a table and others beside it.
func finding(with *pgtypes.WithClause, where *pgtypes.Node, table *pgtypes.RangeVar, others []*pgtypes.Node) *pgtypes.SelectStmt {
	from := append([]*pgtypes.Node{{Node: &pgtypes.Node_RangeVar{RangeVar: table}}}, others...)
	return &pgtypes.SelectStmt{WithClause: with, WhereClause: where, FromClause: from, TargetList: one(),
		LimitOption: pgtypes.LimitOption_LIMIT_OPTION_DEFAULT, Op: pgtypes.SetOperation_SETOP_NONE}
}

// inserted selects what is inserted. Values are not computed: there are as many as there are.
func inserted(i *pgtypes.InsertStmt) (*pgtypes.SelectStmt, error) {
	s := i.SelectStmt.GetSelectStmt()
	switch {
	case s == nil: // DEFAULT VALUES
		return &pgtypes.SelectStmt{TargetList: one(), LimitOption: pgtypes.LimitOption_LIMIT_OPTION_DEFAULT, Op: pgtypes.SetOperation_SETOP_NONE}, nil
	case len(s.ValuesLists) > maxPlannedValues:
		return nil, errLong
	case len(s.ValuesLists) > 0:
		v := &pgtypes.SelectStmt{LimitOption: s.LimitOption, Op: s.Op}
		for range s.ValuesLists {
			v.ValuesLists = append(v.ValuesLists, pgtypes.MakeListNode([]*pgtypes.Node{pgtypes.MakeAConstIntNode(1, 0)}))
		}
		return v, nil
	case i.WithClause != nil && s.WithClause != nil:
		return nil, errUnwritable
	case i.WithClause != nil:
		s.WithClause = i.WithClause
	}
	return s, nil
}

// merged selects from the source, with what it meets in the table.
func merged(m *pgtypes.MergeStmt) *pgtypes.SelectStmt {
	kinds := map[pgtypes.MergeMatchKind]bool{}
	for _, w := range m.MergeWhenClauses {
		kinds[w.GetMergeWhenClause().GetMatchKind()] = true
	}
	bySource, byTarget := kinds[pgtypes.MergeMatchKind_MERGE_WHEN_NOT_MATCHED_BY_SOURCE], kinds[pgtypes.MergeMatchKind_MERGE_WHEN_NOT_MATCHED_BY_TARGET]
	how := pgtypes.JoinType_JOIN_INNER
	switch {
	case bySource && byTarget:
		how = pgtypes.JoinType_JOIN_FULL
	case bySource:
		how = pgtypes.JoinType_JOIN_RIGHT
	case byTarget:
		how = pgtypes.JoinType_JOIN_LEFT
	}
	s := finding(m.WithClause, nil, m.Relation, nil)
	s.FromClause = []*pgtypes.Node{pgtypes.MakeJoinExprNode(how, m.SourceRelation, s.FromClause[0], m.JoinCondition)}
	return s
}

// reading refuses what writes or follows a cursor, and takes locks on rows away, which need the right
// to write.
func reading(m protoreflect.Message) error {
	switch n := m.Interface().(type) {
	case *pgtypes.SelectStmt:
		if n.IntoClause != nil {
			return errNotPlain
		}
		n.LockingClause = nil
	case *pgtypes.InsertStmt, *pgtypes.UpdateStmt, *pgtypes.DeleteStmt, *pgtypes.MergeStmt:
		return errNotPlain
	case *pgtypes.CurrentOfExpr:
		return errUnwritable
	}
	return below(m, reading)
}

// renumber gives the parameters of s numbers without gaps, in the order that they have, and returns
// their old ones.
func renumber(s *pgtypes.SelectStmt) (old []uint32) {
	var all []*pgtypes.ParamRef
	var find func(m protoreflect.Message) error
	find = func(m protoreflect.Message) error {
		if p, ok := m.Interface().(*pgtypes.ParamRef); ok {
			all = append(all, p)
		}
		return below(m, find)
	}
	_ = find(s.ProtoReflect()) // it refuses nothing
	slices.SortFunc(all, func(a, b *pgtypes.ParamRef) int { return cmp.Compare(a.Number, b.Number) })
	for _, p := range all {
		if n := uint32(p.Number); len(old) == 0 || old[len(old)-1] != n {
			old = append(old, n)
		}
		p.Number = int32(len(old))
	}
	return old
}

// below calls f for every message in m.
func below(m protoreflect.Message, f func(protoreflect.Message) error) (err error) {
	m.Range(func(d protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case d.Kind() != protoreflect.MessageKind:
		case d.IsList():
			for i, l := 0, v.List(); i < l.Len() && err == nil; i++ {
				err = f(l.Get(i).Message())
			}
		default:
			err = f(v.Message())
		}
		return err == nil
	})
	return err
}

func one() []*pgtypes.Node {
	return []*pgtypes.Node{pgtypes.MakeResTargetNodeWithVal(pgtypes.MakeAConstIntNode(1, 0), 0)}
}

func node(s *pgtypes.SelectStmt) *pgtypes.Node {
	return &pgtypes.Node{Node: &pgtypes.Node_SelectStmt{SelectStmt: s}}
}
