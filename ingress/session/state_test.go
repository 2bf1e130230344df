package session_test

import (
	"strings"
	"testing"

	"sallyport/ingress/session"
	"sallyport/schemas"
)

type effect = schemas.StateEffect

func path(names ...string) *effect {
	return &effect{Kind: schemas.StateEffect_KIND_SEARCH_PATH, Values: names}
}

func local(e *effect) *effect { e.Local = true; return e }

var (
	begin    = &effect{Kind: schemas.StateEffect_KIND_BEGIN}
	commit   = &effect{Kind: schemas.StateEffect_KIND_COMMIT}
	rollback = &effect{Kind: schemas.StateEffect_KIND_ROLLBACK}
	reset    = &effect{Kind: schemas.StateEffect_KIND_RESET}
	save     = &effect{Kind: schemas.StateEffect_KIND_SAVEPOINT, Name: "s"}
	back     = &effect{Kind: schemas.StateEffect_KIND_ROLLBACK_TO, Name: "s"}
	unknown  = &effect{Kind: schemas.StateEffect_KIND_UNKNOWN}
)

// unit is what happens between two ReadyForQuery.
type unit struct {
	effects []*effect
	several bool
	failed  bool
	tx      session.Tx
}

// The state follows what PostgreSQL does with settings when transactions end.
func TestStateFollowsTransactions(t *testing.T) {
	open, bad := session.TxOpen, session.TxFailed
	for name, c := range map[string]struct {
		units []unit
		want  string // the path; ? when it is not known
	}{
		"set":                            {[]unit{{effects: []*effect{path("a")}}}, "a"},
		"set that failed":                {[]unit{{effects: []*effect{path("a")}, failed: true}}, "start"},
		"committed":                      {[]unit{{effects: []*effect{begin}, tx: open}, {effects: []*effect{path("a")}, tx: open}, {effects: []*effect{commit}}}, "a"},
		"rolled back":                    {[]unit{{effects: []*effect{begin}, tx: open}, {effects: []*effect{path("a")}, tx: open}, {effects: []*effect{rollback}}}, "start"},
		"failed, then commit":            {[]unit{{effects: []*effect{begin}, tx: open}, {effects: []*effect{path("a")}, tx: open}, {failed: true, tx: bad}, {effects: []*effect{commit}}}, "start"},
		"one unit":                       {[]unit{{effects: []*effect{begin, path("a"), rollback, path("b")}, several: true}}, "b"},
		"implicit transaction":           {[]unit{{effects: []*effect{path("a"), path("b")}, several: true, failed: true}}, "start"},
		"set before begin":               {[]unit{{effects: []*effect{path("a"), begin}, several: true, tx: open}, {effects: []*effect{rollback}}}, "start"},
		"commit, then a failure":         {[]unit{{effects: []*effect{begin, path("a"), commit}, several: true, failed: true}}, "?"},
		"local":                          {[]unit{{effects: []*effect{begin, local(path("a"))}, several: true, tx: open}}, "a"},
		"local, committed":               {[]unit{{effects: []*effect{begin, local(path("a"))}, several: true, tx: open}, {effects: []*effect{commit}}}, "start"},
		"local outside":                  {[]unit{{effects: []*effect{local(path("a"))}}}, "start"},
		"local, then set":                {[]unit{{effects: []*effect{begin, local(path("a")), path("b")}, several: true, tx: open}, {effects: []*effect{commit}}}, "b"},
		"unknown":                        {[]unit{{effects: []*effect{unknown}}}, "?"},
		"unknown, then set":              {[]unit{{effects: []*effect{unknown}}, {effects: []*effect{path("a")}}}, "a"},
		"unknown savepoint":              {[]unit{{effects: []*effect{begin, path("a")}, several: true, tx: open}, {effects: []*effect{{Kind: schemas.StateEffect_KIND_ROLLBACK_TO, Name: "s"}}, tx: open}}, "?"},
		"reset":                          {[]unit{{effects: []*effect{path("a")}}, {effects: []*effect{reset}}}, "start"},
		"reset of the path":              {[]unit{{effects: []*effect{path("a")}}, {effects: []*effect{{Kind: schemas.StateEffect_KIND_RESET, Name: "search_path"}}}}, "start"},
		"reset of another setting":       {[]unit{{effects: []*effect{path("a")}}, {effects: []*effect{{Kind: schemas.StateEffect_KIND_RESET, Name: "datestyle"}}}}, "a"},
		"to a savepoint":                 {[]unit{{effects: []*effect{begin, path("a")}, several: true, tx: open}, {effects: []*effect{save, path("b")}, several: true, tx: open}, {effects: []*effect{back}, tx: open}}, "a"},
		"to a savepoint after a failure": {[]unit{{effects: []*effect{begin, path("a"), save}, several: true, tx: open}, {failed: true, tx: bad}, {effects: []*effect{back}, tx: open}, {effects: []*effect{commit}}}, "a"},
		"a released savepoint":           {[]unit{{effects: []*effect{begin, save, {Kind: schemas.StateEffect_KIND_RELEASE, Name: "s"}}, several: true, tx: open}, {effects: []*effect{back}, failed: true, tx: bad}, {effects: []*effect{rollback}}}, "start"},
		"opened unseen":                  {[]unit{{tx: open}, {effects: []*effect{path("a")}, tx: open}, {effects: []*effect{rollback}}}, "start"},
		"rolled back and chained":        {[]unit{{effects: []*effect{begin, path("a")}, several: true, tx: open}, {effects: []*effect{rollback}, tx: open}, {effects: []*effect{path("b")}, tx: open}, {effects: []*effect{rollback}}}, "start"},
	} {
		t.Run(name, func(t *testing.T) {
			s := session.NewState(&schemas.SessionState{SearchPath: []string{"start"}, SearchPathKnown: true})
			for _, u := range c.units {
				s.Apply(u.effects, u.several)
				s.Settle(u.failed, u.tx)
			}
			now := s.Snapshot(false)
			got := strings.Join(now.SearchPath, ",")
			if !now.SearchPathKnown {
				got = "?"
			}
			if got != c.want {
				t.Errorf("path %q, want %q", got, c.want)
			}
		})
	}
}

func TestStateEpoch(t *testing.T) {
	s := session.NewState(&schemas.SessionState{})
	epoch := func() uint64 { return s.Snapshot(true).Epoch }
	before := epoch()
	for range 3 { // a transaction that changes nothing costs no verdicts
		s.Apply([]*effect{begin}, false)
		s.Settle(false, session.TxOpen)
		s.Apply([]*effect{commit}, false)
		s.Settle(false, session.TxIdle)
		s.Apply([]*effect{begin}, false)
		s.Settle(false, session.TxOpen)
		s.Apply([]*effect{rollback}, false)
		s.Settle(false, session.TxIdle)
	}
	if epoch() != before {
		t.Error("empty transactions change the epoch")
	}
	for name, f := range map[string]func(){
		"path":     func() { s.Apply([]*effect{path("x")}, false); s.Settle(false, session.TxIdle) },
		"encoding": func() { s.Reported("client_encoding", "LATIN1") },
		"prepared": func() { s.Prepared("a", "select 1") },
		"closed":   func() { s.Forgotten("a") },
		"setting": func() {
			s.Apply([]*effect{{Kind: schemas.StateEffect_KIND_SETTING}}, false)
			s.Settle(false, session.TxIdle)
		},
	} {
		if before := epoch(); true {
			if f(); epoch() == before {
				t.Errorf("%s does not change the epoch", name)
			}
		}
	}
}

// Preparing is not undone by a rollback. A unit of one statement that failed changed no name; one
// of several may have.
func TestStatePrepared(t *testing.T) {
	prepare := func(name, text string) *effect {
		return &effect{Kind: schemas.StateEffect_KIND_PREPARE, Name: name, Values: []string{text}}
	}
	names := func(s *session.State) string {
		var out []string
		for _, p := range s.Snapshot(true).Prepared {
			out = append(out, p.Name+"="+p.Text)
		}
		return strings.Join(out, ",")
	}
	s := session.NewState(&schemas.SessionState{})
	s.Apply([]*effect{begin, prepare("a", "1")}, true)
	s.Settle(false, session.TxOpen)
	s.Apply([]*effect{rollback}, false)
	s.Settle(false, session.TxIdle)
	if got := names(s); got != "a=1" {
		t.Errorf("after a rollback: %q", got)
	}
	s.Apply([]*effect{prepare("a", "2")}, false)
	if uncertain, _ := s.Settle(true, session.TxIdle); len(uncertain) != 1 || names(s) != "a=1" {
		t.Errorf("one statement that failed: uncertain %q, names %q", uncertain, names(s))
	}
	s.Apply([]*effect{prepare("a", "2"), prepare("b", "3")}, true)
	if uncertain, _ := s.Settle(true, session.TxIdle); len(uncertain) != 2 || names(s) != "" {
		t.Errorf("several that failed: uncertain %q, names %q", uncertain, names(s))
	}
}
