package session

import (
	"bytes"
	"slices"

	"sallyport/schemas"
)

// objects is what a session made that the names in later commands may mean. It errs towards
// forgetting: what is not in here is unknown to the enforcer, and what it does not know it does
// not vouch for.
//
// A cursor is of the query as it was understood when it was declared. So whatever changes the
// meaning of names forgets every cursor, and so does a failure. A temporary relation stays listed
// until it is dropped by name: whether a rollback has undone it does not matter, because the
// enforcer takes the name for either, that and what it hides.
type objects struct {
	cursors   map[string]string
	temporary map[string][]string
	digest    []byte // of the catalogue that verdicts are asked with
	changing  bool   // the unit, or the transaction it is in, changes the catalogue
	declared  []string
}

func (o *objects) apply(e *schemas.StateEffect) {
	switch e.Kind {
	case schemas.StateEffect_KIND_CURSOR:
		if o.cursors == nil {
			o.cursors = make(map[string]string)
		}
		o.cursors[e.Name] = first(e.Values)
		o.declared = append(o.declared, e.Name)
	case schemas.StateEffect_KIND_CURSOR_CLOSED:
		if e.Name == "" {
			o.forgetCursors()
		}
		delete(o.cursors, e.Name)
	case schemas.StateEffect_KIND_TEMPORARY:
		if o.temporary == nil {
			o.temporary = make(map[string][]string)
		}
		o.temporary[e.Name] = slices.Clone(e.Values)
		o.forgetCursors()
	case schemas.StateEffect_KIND_TEMPORARY_DROPPED:
		if e.Name == "" {
			o.temporary = nil
		}
		delete(o.temporary, e.Name)
		o.forgetCursors()
	default:
		o.changing = true
		o.forgetCursors()
	}
}

func (o *objects) forgetCursors() { clear(o.cursors) }

// settle ends a unit: of one that failed, no cursor is certain.
func (o *objects) settle(failed bool) {
	if failed {
		for _, name := range o.declared {
			delete(o.cursors, name)
		}
	}
	o.declared = o.declared[:0]
}

// fill writes the objects into what a verdict is asked with.
func (o *objects) fill(s *schemas.SessionState) {
	for name, text := range o.cursors {
		s.Cursors = append(s.Cursors, &schemas.Prepared{Name: name, Text: text})
	}
	for name, columns := range o.temporary {
		s.Temporary = append(s.Temporary, &schemas.Temporary{Name: name, Columns: columns})
	}
}

// Catalogue takes the digest of the catalogue that verdicts rest on from now.
func (t *State) Catalogue(digest []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !bytes.Equal(t.objects.digest, digest) {
		t.objects.digest = digest
		t.epoch++
	}
}

// Portal notes that the protocol made a portal of that name, which FETCH takes for a cursor.
func (t *State) Portal(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, ok := t.objects.cursors[name]; ok {
		delete(t.objects.cursors, name)
		t.epoch++
	}
}

// CatalogueChanged reports whether commands that were answered may have changed the catalogue. Those
// of an open transaction are reported after each of its units, because one of them may have ended
// another transaction, and for the last time when it has ended.
func (t *State) CatalogueChanged(tx Tx) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	changed := t.objects.changing
	if tx == TxIdle {
		t.objects.changing = false
	}
	return changed
}
