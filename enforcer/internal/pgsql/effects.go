package pgsql

import (
	"slices"
	"strings"

	pgtypes "github.com/pganalyze/pg_query_go/v6"

	"sallyport/schemas"
)

// effect notes a change of the session's state and lets what follows in the text see it. In a
// nested text it may or may not come to be.
func (w *walker) effect(e *schemas.StateEffect) {
	w.exact = true
	if w.planOnly {
		return
	}
	if w.inside > 0 && e.Kind == schemas.StateEffect_KIND_SETTING && !slices.Contains(meaningful, e.Name) {
		return // a function that exists sets something of its own
	}
	if w.nesting > 0 {
		e = &schemas.StateEffect{Kind: schemas.StateEffect_KIND_UNKNOWN}
	}
	if n := len(w.effects); e.Kind != schemas.StateEffect_KIND_UNKNOWN || n == 0 || w.effects[n-1].Kind != e.Kind {
		w.effects = append(w.effects, e)
	}
	switch e.Kind {
	case schemas.StateEffect_KIND_SEARCH_PATH:
		w.env.path, w.env.known, w.env.own = e.Values, true, true
	case schemas.StateEffect_KIND_ROLE:
		if e.Values[0] != "" {
			w.env.user = e.Values[0]
		} else {
			w.env.user = ""
		}
	case schemas.StateEffect_KIND_UNKNOWN:
		w.env.known = false
	case schemas.StateEffect_KIND_RESET:
		w.env.known = w.env.known && e.Name != "" && e.Name != "search_path"
	}
}

// set follows SET and RESET.
func (w *walker) set(s *pgtypes.VariableSetStmt) {
	if w.defining > 0 {
		return
	}
	name := lower(s.Name)
	reset := s.Kind == pgtypes.VariableSetKind_VAR_RESET || s.Kind == pgtypes.VariableSetKind_VAR_RESET_ALL
	w.kind(map[bool]string{true: "RESET", false: "SET"}[reset])
	w.secretSetting(s)
	switch s.Kind {
	case pgtypes.VariableSetKind_VAR_RESET_ALL:
		w.effect(&schemas.StateEffect{Kind: schemas.StateEffect_KIND_RESET})
	case pgtypes.VariableSetKind_VAR_RESET, pgtypes.VariableSetKind_VAR_SET_DEFAULT:
		w.reset(name, s.IsLocal)
	case pgtypes.VariableSetKind_VAR_SET_VALUE:
		values, ok := settings(s.Args)
		if !ok {
			w.effect(&schemas.StateEffect{Kind: schemas.StateEffect_KIND_UNKNOWN})
			return
		}
		w.assign(name, values, s.IsLocal, false)
	}
}

func (w *walker) reset(name string, local bool) {
	switch name {
	case "role":
		w.effect(&schemas.StateEffect{Kind: schemas.StateEffect_KIND_ROLE, Values: []string{""}, Local: local})
	default:
		w.effect(&schemas.StateEffect{Kind: schemas.StateEffect_KIND_RESET, Name: name, Local: local})
	}
}

// assign notes that a setting takes values; packed says that the list is in one string.
func (w *walker) assign(name string, values []string, local, packed bool) {
	e := &schemas.StateEffect{Kind: schemas.StateEffect_KIND_SETTING, Name: name, Values: values, Local: local}
	switch name {
	case "search_path":
		e.Kind, e.Name = schemas.StateEffect_KIND_SEARCH_PATH, ""
		if packed {
			path, ok := identifiers(values[0], ',')
			if !ok {
				e.Kind = schemas.StateEffect_KIND_UNKNOWN
			}
			e.Values = path
		} else { // each value is one identifier, as it is
			e.Values = nil
			for _, v := range values {
				e.Values = append(e.Values, cut(v))
			}
			if len(e.Values) == 1 && e.Values[0] == "" {
				e.Values = nil
			}
		}
	case "role":
		e.Kind, e.Name = schemas.StateEffect_KIND_ROLE, ""
		if lower(values[0]) == "none" {
			e.Values = []string{""}
		}
	case "session_authorization":
		w.effect(&schemas.StateEffect{Kind: schemas.StateEffect_KIND_ROLE, Values: []string{""}, Local: local})
	}
	w.effect(e)
	if name == "session_authorization" && len(values) == 1 {
		w.env.user = values[0]
	}
}

// settings returns the values of a SET as text.
func settings(args []*pgtypes.Node) ([]string, bool) {
	var values []string
	for _, a := range args {
		if t := a.GetTypeCast(); t != nil {
			a = t.Arg
		}
		switch c := a.GetAConst().GetVal().(type) {
		case *pgtypes.A_Const_Sval:
			values = append(values, c.Sval.GetSval())
		case *pgtypes.A_Const_Ival:
			v, _ := fold(a)
			values = append(values, v.number.RatString())
		case *pgtypes.A_Const_Fval:
			values = append(values, c.Fval.GetFval())
		case *pgtypes.A_Const_Boolval:
			values = append(values, map[bool]string{true: "on", false: "off"}[c.Boolval.GetBoolval()])
		default:
			return nil, false
		}
	}
	return values, len(values) > 0
}

func (w *walker) discard(s *pgtypes.DiscardStmt) {
	w.kind("DISCARD")
	if s.Target == pgtypes.DiscardMode_DISCARD_TEMP || s.Target == pgtypes.DiscardMode_DISCARD_ALL {
		w.dropTemporary("")
	}
	if s.Target == pgtypes.DiscardMode_DISCARD_ALL {
		w.effect(&schemas.StateEffect{Kind: schemas.StateEffect_KIND_RESET})
		w.effect(&schemas.StateEffect{Kind: schemas.StateEffect_KIND_DEALLOCATE})
		w.closed("")
		clear(w.prepared)
	}
}

// prepare follows a PREPARE: what it prepares is seen now and again at each EXECUTE.
func (w *walker) prepare(s *pgtypes.PrepareStmt) {
	w.kind("PREPARE")
	w.visit(s.Query)
	text, ok := "", w.nesting == 0
	if ok {
		text, ok = w.after("AS")
	}
	if !ok {
		w.effect(&schemas.StateEffect{Kind: schemas.StateEffect_KIND_UNKNOWN})
		return
	}
	w.prepared[s.Name] = text
	w.effect(&schemas.StateEffect{Kind: schemas.StateEffect_KIND_PREPARE, Name: s.Name, Values: []string{text}})
}

// execute follows an EXECUTE to what was prepared.
func (w *walker) execute(s *pgtypes.ExecuteStmt) {
	w.kind("EXECUTE")
	w.nodes(s.Params)
	w.usedPrepared = true
	if text, ok := w.prepared[s.Name]; ok {
		w.nested(text)
	} else {
		w.opaque = true
	}
}

func (w *walker) deallocate(s *pgtypes.DeallocateStmt) {
	w.effect(&schemas.StateEffect{Kind: schemas.StateEffect_KIND_DEALLOCATE, Name: s.Name})
	if s.Name == "" {
		clear(w.prepared)
	} else {
		delete(w.prepared, s.Name)
	}
}

// transaction notes what a transaction statement is.
func (w *walker) transaction(s *pgtypes.TransactionStmt) {
	word := strings.TrimPrefix(s.Kind.String(), "TRANS_STMT_")
	if s.Kind == pgtypes.TransactionStmtKind_TRANS_STMT_START {
		word = "BEGIN"
	}
	w.kind(word)
}

// transact follows a top-level transaction statement, without which effects would be lost.
func (w *walker) transact(n *pgtypes.Node) {
	s := n.GetTransactionStmt()
	if s == nil {
		return
	}
	note := func(k schemas.StateEffect_Kind, name string) {
		w.effects = append(w.effects, &schemas.StateEffect{Kind: k, Name: name})
	}
	switch s.Kind {
	case pgtypes.TransactionStmtKind_TRANS_STMT_BEGIN, pgtypes.TransactionStmtKind_TRANS_STMT_START:
		note(schemas.StateEffect_KIND_BEGIN, "")
		before := w.env
		w.txn = &before
	case pgtypes.TransactionStmtKind_TRANS_STMT_COMMIT, pgtypes.TransactionStmtKind_TRANS_STMT_PREPARE,
		pgtypes.TransactionStmtKind_TRANS_STMT_ROLLBACK:
		rollback := s.Kind == pgtypes.TransactionStmtKind_TRANS_STMT_ROLLBACK
		note(map[bool]schemas.StateEffect_Kind{true: schemas.StateEffect_KIND_ROLLBACK, false: schemas.StateEffect_KIND_COMMIT}[rollback], "")
		w.settle(rollback)
		if s.Chain {
			note(schemas.StateEffect_KIND_BEGIN, "")
		}
	case pgtypes.TransactionStmtKind_TRANS_STMT_SAVEPOINT:
		note(schemas.StateEffect_KIND_SAVEPOINT, s.SavepointName)
	case pgtypes.TransactionStmtKind_TRANS_STMT_RELEASE:
		note(schemas.StateEffect_KIND_RELEASE, s.SavepointName)
	case pgtypes.TransactionStmtKind_TRANS_STMT_ROLLBACK_TO:
		note(schemas.StateEffect_KIND_ROLLBACK_TO, s.SavepointName)
		w.env.known = false // for what follows in this text
	}
}

// settle is what the rest of the text can know after a transaction ended.
func (w *walker) settle(rollback bool) {
	switch {
	case w.txn == nil: // it began before this text: what it set may be gone
		w.env.known = false
	case rollback:
		w.env = *w.txn
	default:
		for _, e := range w.effects {
			if e.Local {
				w.env.known = false
			}
		}
	}
	w.txn = nil
}
