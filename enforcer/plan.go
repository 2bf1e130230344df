package enforcer

import (
	"fmt"
	"slices"

	"sallyport/enforcer/internal/catalogue"
	"sallyport/enforcer/internal/lineage"
	"sallyport/enforcer/internal/pgsql"
	"sallyport/schemas"
	"sallyport/schemas/resources"
)

// masked judges a command by the target's masks, and plans what of its results is masked.
func (v *judgement) masked(s *maskSet, parser *pgsql.Analyzer, ask *schemas.VerdictAsk, found *pgsql.Analysis, c *catalogue.Catalogue) {
	if len(s.all) == 0 {
		return
	}
	viewer := s.viewer(ask.GetPrincipal())
	plan := &schemas.MaskPlan{Rules: viewer.rules}
	v.answer.Plan = plan
	for _, r := range viewer.rules {
		if !r.Revealed {
			v.answer.Masks = append(v.answer.Masks, r.Name)
		}
	}
	if len(s.columns) == 0 {
		if slices.Contains(found.Facts.Kinds, "COPY") { // what is detected must be found in its rows
			plan.Results = copied(s.world(parser, ask.GetState().GetDatabase(), c).Analyze(ask.GetText(), ask.GetState().GetServerVersion(), found.Before))
		}
		return
	}
	world := s.world(parser, ask.GetState().GetDatabase(), c)
	result := world.Analyze(ask.GetText(), ask.GetState().GetServerVersion(), found.Before)
	plan.Whole, plan.Notifications = viewer.everything(), viewer.everything()
	plan.Messages = messages(result)
	for _, o := range world.Origins() {
		plan.Origins = append(plan.Origins, &schemas.Origin{Table: o.Table, Attribute: o.Attribute, By: viewer.by(o.Taint), Plain: o.Plain})
	}
	for i := range result.Statements {
		plan.Results = append(plan.Results, viewer.result(&result.Statements[i]))
	}
	v.refused(viewer, result)
	v.predicates(viewer, result)
	v.concealed(result)
	if result.Exact {
		v.reuse(schemas.Reuse_REUSE_EXACT)
	}
}

// copied are results of which nothing is known but how COPY writes them.
func copied(r *lineage.Result) []*schemas.ResultMasks {
	var all []*schemas.ResultMasks
	for _, s := range r.Statements {
		m := &schemas.ResultMasks{Clear: true}
		if s.Copy != nil {
			m.Copy = copyFormat(s.Copy)
		}
		all = append(all, m)
	}
	return all
}

func copyFormat(c *lineage.Copy) *schemas.CopyFormat {
	return &schemas.CopyFormat{Format: c.Format, Delimiter: c.Delimiter, Null: c.Null, Quote: c.Quote, Escape: c.Escape, Header: c.Header}
}

// result is what masks the rows of a statement.
func (v *viewer) result(s *lineage.Statement) *schemas.ResultMasks {
	m := &schemas.ResultMasks{}
	if s.Copy != nil {
		m.Copy = copyFormat(s.Copy)
	}
	if s.Clear() && !(s.Starred && s.Named() && s.Rows) {
		m.Clear = true
		return m
	}
	if !s.Named() {
		return m
	}
	for _, c := range s.Columns {
		column := &schemas.ColumnMask{Name: c.Name, By: v.by(c.Taint)}
		if s.Copy != nil {
			own := s.Copy.Own[c.Name]
			column.Plain, column.Type = own.Plain, own.Type
		}
		m.Columns = append(m.Columns, column)
	}
	return m
}

func messages(r *lineage.Result) schemas.Messages {
	switch {
	case r.Hidden, r.Code && (r.Touches || r.Touched.Any()):
		return schemas.Messages_MESSAGES_HIDDEN
	case r.Touches, r.Touched.Any():
		return schemas.Messages_MESSAGES_GUARDED
	}
	return schemas.Messages_MESSAGES_UNSPECIFIED
}

// refused denies what would take masked values where no mask follows.
func (v *judgement) refused(w *viewer, r *lineage.Result) {
	any := func(*resources.Mask) bool { return true }
	for _, u := range r.Stores {
		if m := w.concerned(u.Taint, any); m != nil {
			v.deny(ruleMaskStore, fmt.Sprintf("the statement %s %s, which the mask %s covers", u.What, column(u.Taint), m.Metadata.Name))
			break
		}
	}
	for _, u := range r.Refusals {
		if w.concerned(u.Taint, any) != nil {
			v.deny(ruleMask, "the target has masks, and the statement holds what they cannot follow: "+u.What)
			break
		}
	}
}

func column(t lineage.Taint) string {
	if t.Column == "" {
		return "a masked column"
	}
	return t.Column
}

// predicates judges conditions on masked columns.
func (v *judgement) predicates(w *viewer, r *lineage.Result) {
	for _, verdict := range []string{resources.VerdictDeny, resources.VerdictHold} {
		for _, u := range r.Predicates {
			m := w.concerned(u.Taint, func(m *resources.Mask) bool { return m.Predicates == verdict })
			if m == nil {
				continue
			}
			message := fmt.Sprintf("the statement %s %s, which the mask %s covers", u.What, column(u.Taint), m.Metadata.Name)
			if verdict == resources.VerdictHold {
				v.hold(rulePredicate, message, nil, false)
			} else {
				v.deny(rulePredicate, message)
			}
			break
		}
	}
}

// concealed keeps values that are bound for masked columns out of the recording, and temporary
// relations that hold masked columns out of what is known.
func (v *judgement) concealed(r *lineage.Result) {
	v.answer.Secrets = union(v.answer.Secrets, r.Spans)
	v.answer.SecretParameters = r.Parameters
	for i, e := range v.answer.Effects {
		columns, ok := r.Temporary[e.Name]
		if ok && e.Kind == schemas.StateEffect_KIND_TEMPORARY && len(e.Values) == 0 {
			v.answer.Effects = slices.Clone(v.answer.Effects)
			v.answer.Effects[i] = &schemas.StateEffect{Kind: e.Kind, Name: e.Name, Values: columns, Local: e.Local}
		}
	}
}

// union is both lists of spans in order; where they overlap, the first list's.
func union(a, b []*schemas.Span) []*schemas.Span {
	if len(b) == 0 {
		return a
	}
	all := slices.Clone(a)
	for _, s := range b {
		if !slices.ContainsFunc(a, func(o *schemas.Span) bool { return s.Offset < o.Offset+o.Length && o.Offset < s.Offset+s.Length }) {
			all = append(all, s)
		} else if !slices.ContainsFunc(a, func(o *schemas.Span) bool { return o.Offset <= s.Offset && s.Offset+s.Length <= o.Offset+o.Length }) {
			return []*schemas.Span{s} // it is larger: the whole text
		}
	}
	slices.SortFunc(all, func(a, b *schemas.Span) int { return int(a.Offset) - int(b.Offset) })
	return all
}
