package enforcer

// seen says whether the meaning of a command is known whole.
type seen struct {
	opaque   bool
	unparsed bool
	why      string // it is unparsed
	of       func(uses) factUses
	// named: only a policy that mentions the command's object speaks for it.
	named bool
}

func sqlUses(u uses) factUses     { return u.sql }
func execUses(u uses) factUses    { return u.exec }
func fileUses(u uses) factUses    { return u.file }
func forwardUses(u uses) factUses { return u.forward }

// meantBy reports whether an allow means this command. One that rests on facts does not mean a
// command whose facts are not whole, unless it says so: of an empty list, all(…) is true.
func (s seen) meantBy(u uses) bool {
	switch {
	case s.unparsed:
		return !u.facts() || s.of(u).unparsed
	case s.opaque:
		return !u.facts() || s.of(u).opaque
	}
	return true
}

// admits reports whether a policy may speak for a command that is denied otherwise.
func (s seen) admits(u uses) bool { return !s.named || s.of(u).any }
