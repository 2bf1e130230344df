package mask

// class says what the gate does at a byte.
type class uint8

const (
	pass   class = iota
	digit        // a number may begin
	at           // the sign of an e-mail address
	escape       // that sign may be written as an escape
	wide         // a fullwidth digit may begin
)

// classes is the gate's table for the detectors that are on: of all bytes it stops only at these.
func classes(on [kinds]bool) (table [256]class) {
	if on[kindCard] || on[kindPhone] || on[kindIBAN] || on[kindID] {
		for c := '0'; c <= '9'; c++ {
			table[c] = digit
		}
	}
	if on[kindCard] || on[kindID] {
		table[0xEF] = wide
	}
	if on[kindEmail] {
		table['@'] = at
		table['\\'], table['&'], table['%'] = escape, escape, escape
	}
	return table
}

// gate passes over the value once and lets a detector look only where it may find something.
func (s *Scanner) gate(sc *scan) {
	v, table := sc.v, &s.class
	for i := sc.from; i < len(v); {
		switch table[v[i]] {
		case pass:
			for i++; i < len(v) && table[v[i]] == pass; i++ {
			}
		case digit:
			i = s.number(sc, i)
		case at:
			email(sc, i, i+1)
			i++
		case escape:
			if n := escapedAt(v[i:]); n > 0 {
				email(sc, i, i+n)
			}
			i++
		case wide:
			if _, n := digitAt(v, i); n > 0 {
				i = s.number(sc, i)
			} else {
				i++
			}
		}
	}
}

// number looks at the group of digits that starts at i and returns where it ends.
func (s *Scanner) number(sc *scan, i int) int {
	v := sc.v
	end, n := i, 0
	for end < len(v) {
		_, size := digitAt(v, end)
		if size == 0 {
			break
		}
		end, n = end+size, n+1
	}
	if digitBefore(v, i) {
		return end // the value was cut inside a number
	}
	before := i > 0 && letter(v[i-1])
	if s.on[kindIBAN] && before && n >= 2 {
		iban(sc, i)
	}
	if s.on[kindID] && (before || besideID(v, i, end, n)) {
		s.tokenID(sc, i, end)
	}
	if before {
		return end
	}
	next := nextGroup(v, end)
	if s.pairs[min(n, maxRun)]&(1<<next) != 0 && (n > 3 || !joined(v, i, false)) { // no card starts so
		s.grouped(sc, i)
	}
	if s.on[kindPhone] && (n >= 7 || next > 0 || i > 0 && (v[i-1] == '+' || v[i-1] == '(')) {
		s.phone(sc, i, n)
	}
	return end
}

// grouped looks for cards and ids in the number that starts at i.
func (s *Scanner) grouped(sc *scan, i int) {
	var r run
	r.parse(sc.v, i)
	if s.on[kindCard] {
		card(sc, &r)
	}
	if s.on[kindID] {
		s.ids.find(sc, &r)
	}
}

// besideID reports whether what stands beside a group of n digits can belong to an id with letters.
func besideID(v []byte, i, end, n int) bool {
	if end < len(v) {
		c := v[end]
		if letter(c) || c == '-' && (n == 6 || n == 8) || c == '+' && n == 6 {
			return true
		}
	}
	return (n == 2 || n == 6) && i >= 3 && v[i-1] == ' ' && letter(v[i-2]) && letter(v[i-3])
}

// hidden is the size that nextGroup gives when it does not tell.
const hidden = 31

// nextGroup returns how many digits the group has that a separator ties to the one that ends at i:
// 0 for no such group.
func nextGroup(v []byte, i int) int {
	if i < len(v) && v[i] == ')' { // for telephone numbers
		return hidden
	}
	n, kind := separators(v, i)
	if n == 0 {
		return 0
	}
	size := 0
	for at := i + n; size < hidden-1; size++ {
		_, k := digitAt(v, at)
		if k == 0 {
			if size > 0 && kind != 'z' {
				if k, z := separatorAt(v, at); k > 0 && z == 'z' {
					return hidden
				}
			}
			break
		}
		at += k
	}
	if size > 0 && kind == 'z' {
		return hidden
	}
	return size
}

// pairs is, by the size of a number's first group, the set of sizes of the second that a card or an
// id may have: a bit each. Other numbers are passed over quickly.
func (s *Scanner) fillPairs() {
	for n := range s.pairs {
		s.pairs[n] |= 1 << hidden
		if s.on[kindCard] && n >= 4 && n <= 6 {
			s.pairs[n] |= 1<<3 | 1<<4 | 1<<5 | 1<<6 | 1<<7 | 1<<8 | 1<<9 | 1<<10 | 1<<11 | 1<<12 | 1<<13
		}
		if s.on[kindCard] && n >= 13 || s.on[kindID] && n >= 9 {
			s.pairs[n] = 1<<32 - 1
		}
	}
	if !s.on[kindID] {
		return
	}
	for _, rules := range s.ids {
		for _, r := range rules {
			if len(r.format) >= 3 {
				s.pairs[groupSize(r.format[0])] |= 1 << groupSize(r.format[2])
			}
		}
	}
}
