package session_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"sallyport/ingress/session"
	"sallyport/ingress/sessiontest"
	"sallyport/schemas"
)

// What a cursor means is forgotten as soon as it may not be that any more.
func TestCursorsAreForgotten(t *testing.T) {
	declare := &schemas.StateEffect{Kind: schemas.StateEffect_KIND_CURSOR, Name: "c", Values: []string{"SELECT 1"}}
	for name, test := range map[string]struct {
		then func(t *testing.T, s *session.Session)
		kept bool
	}{
		"nothing":            {func(*testing.T, *session.Session) {}, true},
		"another is closed":  {does(schemas.StateEffect_KIND_CURSOR_CLOSED, "d"), true},
		"it is closed":       {does(schemas.StateEffect_KIND_CURSOR_CLOSED, "c"), false},
		"all are closed":     {does(schemas.StateEffect_KIND_CURSOR_CLOSED, ""), false},
		"search path":        {does(schemas.StateEffect_KIND_SEARCH_PATH, "", "other"), false},
		"role":               {does(schemas.StateEffect_KIND_ROLE, "", "other"), false},
		"temporary relation": {does(schemas.StateEffect_KIND_TEMPORARY, "t", "a"), false},
		"catalogue":          {does(schemas.StateEffect_KIND_CATALOGUE, ""), false},
		"unknown":            {does(schemas.StateEffect_KIND_UNKNOWN, ""), false},
		"portal":             {func(_ *testing.T, s *session.Session) { s.State.Portal("c") }, false},
		"other portal":       {func(_ *testing.T, s *session.Session) { s.State.Portal("d") }, true},
	} {
		t.Run(name, func(t *testing.T) {
			env, s := fresh(t)
			s.State.Apply([]*schemas.StateEffect{declare}, false)
			s.State.Settle(false, session.TxOpen)
			test.then(t, s)
			if got := len(asked(t, env, s).Cursors) == 1; got != test.kept {
				t.Errorf("the cursor is known: %v, want %v", got, test.kept)
			}
		})
	}
	t.Run("its unit fails", func(t *testing.T) {
		env, s := fresh(t)
		s.State.Apply([]*schemas.StateEffect{declare}, true)
		s.State.Settle(true, session.TxFailed)
		if n := len(asked(t, env, s).Cursors); n != 0 {
			t.Errorf("%d cursors are known", n)
		}
	})
}

func TestTemporaryRelationsStayListed(t *testing.T) {
	env, s := fresh(t)
	does(schemas.StateEffect_KIND_BEGIN, "")(t, s)
	does(schemas.StateEffect_KIND_TEMPORARY, "t", "a", "b")(t, s)
	does(schemas.StateEffect_KIND_ROLLBACK, "")(t, s)
	want := []string{"a", "b"}
	if got := asked(t, env, s).Temporary; len(got) != 1 || got[0].Name != "t" || !cmp.Equal(got[0].Columns, want) {
		t.Errorf("temporary relations: %v", got)
	}
	does(schemas.StateEffect_KIND_TEMPORARY_DROPPED, "t")(t, s)
	if got := asked(t, env, s).Temporary; len(got) != 0 {
		t.Errorf("temporary relations after the drop: %v", got)
	}
}

func TestCatalogueChangedUntilTheTransactionEnds(t *testing.T) {
	_, s := fresh(t)
	does(schemas.StateEffect_KIND_CATALOGUE, "")(t, s)
	for i, step := range []struct {
		tx   session.Tx
		want bool
	}{{session.TxOpen, true}, {session.TxOpen, true}, {session.TxIdle, true}, {session.TxIdle, false}} {
		if got := s.State.CatalogueChanged(step.tx); got != step.want {
			t.Errorf("step %d: %v, want %v", i, got, step.want)
		}
	}
}

// does applies one effect in a unit of its own.
func does(kind schemas.StateEffect_Kind, name string, values ...string) func(*testing.T, *session.Session) {
	return func(_ *testing.T, s *session.Session) {
		s.State.Apply([]*effect{{Kind: kind, Name: name, Values: values}}, false)
		s.State.Settle(false, session.TxIdle)
	}
}

func fresh(t *testing.T) (*sessiontest.Env, *session.Session) {
	t.Helper()
	env := sessiontest.New(t, "test")
	return env, open(t, env, alice())
}

// asked is the state that a verdict is asked with.
func asked(t *testing.T, env *sessiontest.Env, s *session.Session) (state *schemas.SessionState) {
	t.Helper()
	env.Enforcer.Set("r1", func(a *schemas.VerdictAsk) *schemas.VerdictAnswer {
		state = a.State
		return &schemas.VerdictAnswer{Outcome: schemas.Outcome_OUTCOME_ALLOW}
	})
	decide(t, s, "SELECT now()")
	return state
}
