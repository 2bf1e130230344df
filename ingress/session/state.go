package session

import (
	"slices"
	"sync"

	"sallyport/schemas"
)

// Tx is where a session stands in its transaction.
type Tx int

// Transaction states.
const (
	TxIdle   Tx = iota // in none
	TxOpen             // in one
	TxFailed           // in one that failed
)

// State follows what changes the meaning of SQL text. Effects are applied as if the command will
// succeed, which is right for whatever the client sends after it in the same unit (a simple query,
// or the messages up to a Sync): if it fails, they do not run. Settle then says how the unit ended.
// A protocol settles every unit with effects before it decides anything of the next.
type State struct {
	mu       sync.Mutex
	now      settings
	fixed    schemas.SessionState // database, user, what the target reports
	epoch    uint64
	prepared map[string]string // nil until there is one
	names    uint64            // rises with each change of prepared

	start   scope       // what RESET goes back to
	points  []savepoint // of the transaction, in order
	unit    *settings   // at the start of the unit, once it has effects
	base    *settings   // at the start of the transaction
	control bool        // the unit begins or ends transactions
	several bool        // the unit has a command of which a part may have taken effect
	touched []touched   // names that the unit prepares or deallocates, in order
	all     bool        // it deallocates all

	objects objects
}

// touched is a name, and what it stood for before.
type touched struct {
	name, text string
	existed    bool
}

// savepoint is where ROLLBACK TO goes back to.
type savepoint struct {
	name string
	at   settings
}

// settings is what a rollback undoes.
type settings struct {
	session, local scope
}

type scope struct {
	role      string
	hasRole   bool
	path      []string
	hasPath   bool
	pathKnown bool

	timeout    string // statement_timeout, as PostgreSQL writes it
	hasTimeout bool
}

func newState(s *schemas.SessionState) *State {
	t := &State{}
	t.now.session = scope{hasRole: true, hasPath: true}
	if s == nil {
		return t
	}
	t.fixed = schemas.SessionState{Database: s.Database, User: s.User,
		StandardConformingStrings: s.StandardConformingStrings, ClientEncoding: s.ClientEncoding, ServerVersion: s.ServerVersion}
	t.now.session.role = s.Role
	t.now.session.path = slices.Clone(s.SearchPath)
	t.now.session.pathKnown = s.SearchPathKnown
	t.start = t.now.session
	return t
}

func (t *State) stamp() stamp {
	t.mu.Lock()
	defer t.mu.Unlock()
	return stamp{epoch: t.epoch, prepared: t.names + 1}
}

// snapshot fills in what a verdict is asked with; prepared statements only if they matter.
func (t *State) snapshot(withPrepared bool) *schemas.SessionState {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := &schemas.SessionState{
		Database: t.fixed.Database, User: t.fixed.User, ServerVersion: t.fixed.ServerVersion,
		StandardConformingStrings: t.fixed.StandardConformingStrings, ClientEncoding: t.fixed.ClientEncoding,
		Epoch: t.epoch + t.names, Catalogue: t.objects.digest,
	}
	v := t.now.effective()
	s.Role, s.SearchPath, s.SearchPathKnown = v.role, slices.Clone(v.path), v.pathKnown
	if withPrepared {
		for name, text := range t.prepared {
			s.Prepared = append(s.Prepared, &schemas.Prepared{Name: name, Text: text})
		}
	}
	t.objects.fill(s)
	return s
}

func (s settings) effective() scope {
	v := s.session
	if s.local.hasRole {
		v.role = s.local.role
	}
	if s.local.hasPath {
		v.path, v.pathKnown = s.local.path, s.local.pathKnown
	}
	if s.local.hasTimeout {
		v.timeout = s.local.timeout
	}
	return v
}

// Started takes the search path that the session starts with, once the target has told.
func (t *State) Started(path []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.now.session.path, t.now.session.pathKnown = path, true
	t.start = t.now.session
	t.epoch++
}

// Reported takes a parameter that the target reports.
func (t *State) Reported(name, value string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch name {
	case "client_encoding":
		t.bump(t.fixed.ClientEncoding != value)
		t.fixed.ClientEncoding = value
	case "standard_conforming_strings":
		t.bump(t.fixed.StandardConformingStrings != (value == "on"))
		t.fixed.StandardConformingStrings = value == "on"
	case "server_version":
		t.fixed.ServerVersion = value
	case "session_authorization":
		t.bump(t.fixed.User != value)
		t.fixed.User = value
	}
}

func (t *State) bump(changed bool) {
	if changed {
		t.epoch++
	}
}

// Apply takes the effects of a command that is about to be sent. several says that the command
// has more than one statement.
func (t *State) Apply(effects []*schemas.StateEffect, several bool) {
	if len(effects) == 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.unit == nil {
		before := t.now
		t.unit = &before
	}
	t.several = t.several || several
	for _, e := range effects {
		t.apply(e)
	}
}

func (t *State) apply(e *schemas.StateEffect) {
	switch e.Kind {
	case schemas.StateEffect_KIND_SEARCH_PATH:
		t.change(e.Local, func(s *scope) { s.path, s.pathKnown, s.hasPath = slices.Clone(e.Values), true, true })
	case schemas.StateEffect_KIND_ROLE:
		t.change(e.Local, func(s *scope) { s.role, s.hasRole = first(e.Values), true })
	case schemas.StateEffect_KIND_PREPARE:
		t.touch(e.Name)
		t.define(e.Name, first(e.Values))
	case schemas.StateEffect_KIND_DEALLOCATE:
		t.forget(e.Name)
	case schemas.StateEffect_KIND_RESET:
		t.reset(e)
	case schemas.StateEffect_KIND_BEGIN:
		if t.base == nil {
			before := *t.unit // what came before it in the unit belongs to the transaction
			if t.control {
				before = t.now
			}
			t.base = &before
		}
		t.control = true
	case schemas.StateEffect_KIND_COMMIT:
		t.control = true
		t.endTx()
	case schemas.StateEffect_KIND_ROLLBACK:
		t.rollback()
	case schemas.StateEffect_KIND_SAVEPOINT:
		t.points = append(t.points, savepoint{name: e.Name, at: t.now})
	case schemas.StateEffect_KIND_RELEASE:
		if i := t.point(e.Name); i >= 0 {
			t.points = t.points[:i]
		}
	case schemas.StateEffect_KIND_ROLLBACK_TO:
		t.rollbackTo(e.Name)
	case schemas.StateEffect_KIND_SETTING:
		t.setting(e)
		t.epoch++
	case schemas.StateEffect_KIND_CURSOR, schemas.StateEffect_KIND_CURSOR_CLOSED,
		schemas.StateEffect_KIND_TEMPORARY, schemas.StateEffect_KIND_TEMPORARY_DROPPED, schemas.StateEffect_KIND_CATALOGUE:
		t.objects.apply(e)
		t.epoch++
	default: // KIND_UNKNOWN, and what a newer enforcer knows
		t.lose()
	}
}

// reset goes back to what the session started with, in all or in one setting.
func (t *State) reset(e *schemas.StateEffect) {
	switch e.Name {
	case "search_path":
		t.change(e.Local, func(s *scope) { s.path, s.pathKnown, s.hasPath = t.start.path, t.start.pathKnown, true })
	case statementTimeout:
		t.change(e.Local, func(s *scope) { s.timeout, s.hasTimeout = t.start.timeout, true })
	case "session_authorization":
		t.change(e.Local, func(s *scope) { s.role, s.hasRole = "", true })
	case "": // RESET ALL leaves a role that is set, DISCARD ALL does not, and "$user" goes with it
		unsure := t.now.effective().role != ""
		t.now = settings{session: t.start}
		if unsure {
			t.lose()
		}
	}
	t.epoch++
}

// point finds the last savepoint of that name.
func (t *State) point(name string) int {
	for i := len(t.points) - 1; i >= 0; i-- {
		if t.points[i].name == name {
			return i
		}
	}
	return -1
}

func (t *State) rollbackTo(name string) {
	i := t.point(name)
	if i < 0 {
		t.lose()
		return
	}
	t.restore(t.points[i].at)
	t.points = t.points[:i+1]
}

func first(v []string) string {
	if len(v) == 0 {
		return ""
	}
	return v[0]
}

func (t *State) change(local bool, f func(*scope)) {
	if local {
		f(&t.now.local)
	} else {
		t.now.local = scope{} // SET overrides an earlier SET LOCAL
		f(&t.now.session)
	}
	t.objects.forgetCursors()
	t.epoch++
}

// rollback undoes the transaction.
func (t *State) rollback() {
	t.control = true
	if t.base != nil {
		t.restore(*t.base)
	}
	t.endTx()
}

func (t *State) endTx() {
	t.base, t.points = nil, nil
	if t.now.local.hasPath || t.now.local.hasRole || t.now.local.hasTimeout {
		t.now.local = scope{}
		t.epoch++
	}
}

// lose marks what can no longer be followed.
func (t *State) lose() {
	t.now.local = scope{}
	t.now.session.path, t.now.session.pathKnown = nil, false
	t.objects.forgetCursors()
	t.epoch++
}

func (t *State) restore(s settings) {
	if !t.now.equal(s) {
		t.objects.forgetCursors()
		t.epoch++
	}
	t.now = s
}

func (s settings) equal(o settings) bool { return s.session.equal(o.session) && s.local.equal(o.local) }

func (s scope) equal(o scope) bool {
	return s.role == o.role && s.hasRole == o.hasRole && s.hasPath == o.hasPath && s.pathKnown == o.pathKnown && slices.Equal(s.path, o.path) &&
		s.timeout == o.timeout && s.hasTimeout == o.hasTimeout
}

// Prepared notes a statement that the protocol itself prepared: SQL's EXECUTE can run it.
func (t *State) Prepared(name, text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.define(name, text)
}

// Forgotten notes that the protocol closed a statement.
func (t *State) Forgotten(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.prepared, name)
	t.names++
}

func (t *State) define(name, text string) {
	if t.prepared == nil {
		t.prepared = make(map[string]string)
	}
	if old, ok := t.prepared[name]; !ok || old != text {
		t.prepared[name] = text
		t.names++
	}
}

func (t *State) forget(name string) {
	if name == "" {
		t.prepared, t.all = nil, true
	} else {
		t.touch(name)
		delete(t.prepared, name)
	}
	t.names++
}

func (t *State) touch(name string) {
	text, ok := t.prepared[name]
	t.touched = append(t.touched, touched{name: name, text: text, existed: ok})
}

// Settle ends a unit: failed says whether the target reported an error in it, tx where it left
// the transaction. Names whose statements are no longer certain are returned.
func (t *State) Settle(failed bool, tx Tx) (uncertain []string, all bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.objects.settle(failed)
	if failed {
		uncertain, all = t.settleFailed(tx)
	} else if tx == TxIdle {
		t.endTx()
	} else if t.base == nil {
		before := t.now // a transaction that was opened unseen, or chained to the one that ended
		if t.unit != nil && !t.control {
			before = *t.unit
		}
		t.base = &before
	}
	t.unit, t.control, t.several, t.touched, t.all = nil, false, false, nil, false
	return uncertain, all
}

func (t *State) settleFailed(tx Tx) (uncertain []string, all bool) {
	before := t.base
	if before == nil {
		before = t.unit
	}
	switch {
	case t.control || tx == TxOpen: // parts of the unit may have been committed
		t.lose()
	case before != nil:
		t.restore(*before)
	}
	if tx == TxIdle {
		t.base, t.points = nil, nil
		t.now.local = scope{}
	}
	return t.untouch(), t.all
}

// untouch takes back what a failed unit did to names, as far as SQL's EXECUTE goes. One statement
// that failed did nothing. Of several any may have run, and preparing is not undone by a
// rollback. To the protocol, which has taken them for done, all of them are uncertain.
func (t *State) untouch() (uncertain []string) {
	for i := len(t.touched) - 1; i >= 0; i-- {
		o := t.touched[i]
		t.names++
		if o.existed && !t.several {
			t.define(o.name, o.text)
		} else {
			delete(t.prepared, o.name)
		}
		uncertain = append(uncertain, o.name)
	}
	return uncertain
}

// EmbedsASCII reports whether bytes of the client's encoding that look like ASCII may be parts of other
// characters (PostgreSQL, "Character Set Support": the encodings that are for clients only).
func (t *State) EmbedsASCII() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch t.fixed.ClientEncoding {
	case "SJIS", "SHIFT_JIS_2004", "BIG5", "GBK", "UHC", "GB18030", "JOHAB":
		return true
	}
	return false
}
