package mask

import "bytes"

// phoneNumber is a number as people write telephone numbers, read from its first digit.
type phoneNumber struct {
	v          []byte
	calls      *automaton
	start, end int // with the plus and brackets around it
	digits     digits
	sizes      [maxRun]uint8
	seps       [maxRun]byte
	groups     int
	plus       bool
	bracket    bool // the first group, or the country's code, is in brackets
}

// phone finds the telephone number whose first group, of n digits, starts at i.
func (s *Scanner) phone(sc *scan, i, n int) {
	v := sc.v
	p := phoneNumber{v: v, start: i, calls: s.calls}
	for k := 0; k < 2 && p.start > 0; k++ {
		switch {
		case v[p.start-1] == '+' && !p.plus:
			p.plus = true
			p.start--
		case v[p.start-1] == '(' && !p.bracket:
			p.bracket = true
			p.start--
		}
	}
	if p.start > 0 && (alnum(v[p.start-1]) || v[p.start-1] == '_') || joined(v, i, true) {
		return
	}
	if !p.plus && !p.bracket && n > 4 && v[i] != '0' && !p.called() {
		return
	}
	p.read(i)
	if p.groups == 0 {
		return
	}
	if p.bracket && v[p.start] == '(' && bytes.IndexByte(v[p.start:p.end], ')') < 0 {
		p.start, p.bracket = p.start+1, false // it is around more than the number
	}
	if p.end < len(v) && (alnum(v[p.end]) || v[p.end] == '_') {
		return
	}
	if p.international() || p.northAmerican() || p.national() || p.named() {
		sc.add(kindPhone, p.start, p.end)
	}
}

// called reports whether a word before the number says what it is.
func (p *phoneNumber) called() bool { return p.calls.near(p.v, p.start) }

func phoneWords() []string {
	return []string{"phone", "telephone", "tel", "mobile", "cell", "fax", "call", "sms", "whatsapp", "telefon",
		"handy", "mobil", "tél", "téléphone", "móvil", "teléfono", "telefono", "cellulare", "phone number", "msisdn"}
}

// read takes groups while they are tied together and no more than 15 digits, the most of E.164.
func (p *phoneNumber) read(i int) {
	sep := byte(0)
	for {
		size, d := 0, p.digits
		for i < len(p.v) && p.v[i]-'0' <= 9 && d.n < maxRun {
			d.d[d.n] = p.v[i] - '0'
			d.n, size, i = d.n+1, size+1, i+1
		}
		if size == 0 || d.n > 15 || p.plus && p.digits.n == 11 && p.digits.d[0] == 1 {
			return
		}
		p.digits, p.end = d, i
		p.sizes[p.groups], p.seps[p.groups] = uint8(size), sep
		p.groups++
		if i, sep = p.tie(i); sep == 0 {
			return
		}
	}
}

// tie returns where the next group starts and what stands before it; 0 for nothing that ties.
func (p *phoneNumber) tie(i int) (next int, sep byte) {
	closed, opened := false, false
	for n := 0; i < len(p.v) && n < 3; n++ {
		size, k := separatorAt(p.v, i)
		switch {
		case size > 0 && k != 'z' && (sep == 0 || sep == ')' || k == ' '):
			sep, i = k, i+size
		case p.v[i] == ')' && !closed && (p.bracket || n == 0):
			closed, sep, i = true, ')', i+1
		case p.v[i] == '(' && !opened && p.plus:
			opened, i = true, i+1
		default:
			n = 3
		}
	}
	if i >= len(p.v) || p.v[i]-'0' > 9 {
		return i, 0
	}
	if opened && sep == 0 {
		sep = '('
	}
	return i, sep
}

// international is E.164, after a plus or, in groups, after 00.
func (p *phoneNumber) international() bool {
	d := p.digits
	if !p.plus {
		if d.n < 11 || d.d[0] != 0 || d.d[1] != 0 || p.groups < 2 || p.sizes[0] > 6 {
			return false
		}
		copy(d.d[:], d.d[2:])
		d.n -= 2
	}
	if d.n < 8 || !callingCode(d.at(0, 3)) {
		return false
	}
	return d.d[0] != 1 || d.n == 11 && d.d[1] >= 2
}

// callingCode reports whether a number may begin with these three digits: the zones of E.164 less
// the codes that nobody has.
func callingCode(p int) bool {
	switch p / 10 {
	case 20, 27, 30, 31, 32, 33, 34, 36, 39, 40, 41, 43, 44, 45, 46, 47, 48, 49, 51, 52, 53, 54, 55, 56, 57, 58,
		60, 61, 62, 63, 64, 65, 66, 81, 82, 84, 86, 90, 91, 92, 93, 94, 95, 98:
		return true
	}
	switch p {
	case 210, 214, 215, 217, 219, 259, 384, 422, 424, 425, 426, 427, 428, 429, 693, 694, 695, 696, 697, 698, 699,
		851, 854, 857, 858, 859, 871, 872, 873, 874, 875, 876, 877, 879, 884, 885, 887, 889, 969, 978, 990, 991, 997, 999:
		return false
	}
	switch p / 100 {
	case 1, 7:
		return true
	}
	switch p / 10 {
	case 21, 22, 23, 24, 25, 26, 29, 35, 37, 38, 42, 50, 59, 67, 68, 69, 80, 85, 87, 88, 96, 97, 99:
		return true
	}
	return false
}

// northAmerican is (212) 555-1234, 212-555-1234, 212.555.1234 and 1-212-555-1234.
func (p *phoneNumber) northAmerican() bool {
	g, d := 0, p.digits
	if p.sizes[0] == 1 && d.d[0] == 1 && !p.plus {
		g = 1
		copy(d.d[:], d.d[1:])
		d.n--
	}
	if p.groups != g+3 || p.sizes[g] != 3 || p.sizes[g+1] != 3 || p.sizes[g+2] != 4 || p.plus {
		return false
	}
	a, b := p.seps[g+1], p.seps[g+2]
	if a == '/' || b == '/' || a != b && !p.bracket || a == ' ' && b == ' ' && !p.bracket && !p.called() {
		return false
	}
	return d.d[0] >= 2 && d.d[3] >= 2 && (d.d[1] != 1 || d.d[2] != 1)
}

// national is a number with a trunk prefix of 0, in groups: 030 1234567, 020 7946 0958,
// 01 23 45 67 89. What begins like a date is none.
func (p *phoneNumber) national() bool {
	d := p.digits
	if p.plus || d.d[0] != 0 || d.d[1] == 0 || d.n < 9 || d.n > 12 || p.groups < 2 || p.groups > 5 {
		return false
	}
	if p.sizes[0] < 2 || p.sizes[0] > 6 || p.sizes[0] == 2 && p.sizes[1] == 2 && (p.groups != 5 || p.sizes[2] != 2) {
		return false
	}
	if p.groups == 2 && p.sizes[0] == 5 && p.sizes[1] == 4 && p.seps[1] == '-' { // a ZIP code
		return false
	}
	for _, k := range p.seps[1:p.groups] {
		if k == '.' && p.groups != 5 {
			return false
		}
	}
	return true
}

// named is any number of 7 to 15 digits after a word that says what it is.
func (p *phoneNumber) named() bool {
	return p.digits.n >= 7 && !p.date() && p.called()
}

// date reports whether p is grouped like a date, or like two years.
func (p *phoneNumber) date() bool {
	s, century := p.sizes, p.digits.at(0, 2)
	switch {
	case p.plus || p.bracket || p.groups < 2:
		return false
	case s[0] == 2 && s[1] == 2 && s[2] == 4:
		return true
	}
	return s[0] == 4 && (century == 19 || century == 20) && (s[1] == 2 && s[2] == 2 || s[1] == 4 && p.groups == 2)
}
