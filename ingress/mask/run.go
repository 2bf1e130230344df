package mask

// maxRun is how many digits of a number are looked at: one more than the longest that is known.
const maxRun = 20

// digits are the digits of a number, as values. They are passed by value, so that checks behind
// function values do not make them escape.
type digits struct {
	d [maxRun]uint8
	n int
}

// run is a number that starts at a group of digits and may go on over separators.
type run struct {
	v      []byte
	start  int
	digits digits
	ends   [maxRun]int   // where each digit ends
	sizes  [maxRun]uint8 // digits a group
	seps   [maxRun]byte  // what stands before a group: one of ' ', '-', '.', '/', or 'z' for what is not seen
	groups int
	whole  [maxRun]bool // whether a group ends after that digit
	more   bool         // the last group goes on
	next   byte         // the separator after the last group taken, when digits follow it
}

// parse fills r from the group that starts at i.
func (r *run) parse(v []byte, i int) {
	r.v, r.start = v, i
	sep := byte(0)
	for {
		size := uint8(0)
		for i < len(v) {
			d, n := digitAt(v, i)
			if n == 0 {
				break
			}
			if r.digits.n == maxRun {
				r.more = true
				return
			}
			i += n
			r.digits.d[r.digits.n], r.ends[r.digits.n] = d, i
			r.digits.n, size = r.digits.n+1, size+1
		}
		r.whole[r.digits.n-1] = true
		r.sizes[r.groups], r.seps[r.groups] = size, sep
		r.groups++
		var n int
		if n, sep = separators(v, i); n == 0 {
			return
		}
		if _, size := digitAt(v, i+n); size == 0 {
			return
		}
		if r.digits.n == maxRun {
			r.next = sep
			return
		}
		i += n
	}
}

// separators returns how long what separates two groups is, and its kind: one visible character, or
// one between two spaces, with at most two that are not seen.
func separators(v []byte, i int) (size int, kind byte) {
	start, visible, spaces, hidden := i, byte(0), 0, 0
	for i < len(v) {
		n, k := separatorAt(v, i)
		switch {
		case n == 0:
			goto done
		case k == 'z':
			if hidden++; hidden > 2 {
				return 0, 0
			}
		case k == ' ':
			if spaces++; spaces > 2 || spaces == 2 && visible == 0 {
				return 0, 0
			}
		case visible != 0:
			return 0, 0
		default:
			visible = k
		}
		i += n
	}
done:
	switch {
	case visible != 0 && spaces != 1:
		return i - start, visible
	case visible != 0:
		return 0, 0 // "1 -2" and "1- 2" are two numbers
	case spaces == 1:
		return i - start, ' '
	case hidden > 0:
		return i - start, 'z'
	}
	return 0, 0
}

// separatorAt returns the length and kind of the separator character at i, or 0.
func separatorAt(v []byte, i int) (size int, kind byte) {
	if i >= len(v) {
		return 0, 0
	}
	switch c := v[i]; c {
	case ' ', '-', '.', '/':
		return 1, c
	case 0xC2, 0xE2, 0xEF:
		return wideSeparator(v[i:])
	}
	return 0, 0
}

// wideSeparator knows the separators that UTF-8 writes in two and three bytes.
func wideSeparator(v []byte) (size int, kind byte) {
	if len(v) >= 2 && v[0] == 0xC2 {
		switch v[1] {
		case 0xA0: // no-break space
			return 2, ' '
		case 0xAD: // soft hyphen
			return 2, 'z'
		}
	}
	if len(v) < 3 {
		return 0, 0
	}
	switch x := uint(v[0])<<16 | uint(v[1])<<8 | uint(v[2]); {
	case x >= 0xE28080 && x <= 0xE2808A, x == 0xE280AF: // spaces of all widths
		return 3, ' '
	case x >= 0xE2808B && x <= 0xE2808D, x == 0xE281A0, x == 0xEFBBBF: // zero width
		return 3, 'z'
	case x >= 0xE28090 && x <= 0xE28095, x == 0xE28892: // hyphens, dashes, minus
		return 3, '-'
	}
	return 0, 0
}

// digitAt returns the value and length of the digit at i: ASCII or fullwidth; length 0 for others.
func digitAt(v []byte, i int) (d uint8, size int) {
	if i >= len(v) {
		return 0, 0
	}
	if c := v[i] - '0'; c <= 9 {
		return c, 1
	}
	if v[i] == 0xEF && i+2 < len(v) && v[i+1] == 0xBC && v[i+2] >= 0x90 && v[i+2] <= 0x99 {
		return v[i+2] - 0x90, 3
	}
	return 0, 0
}

func digitBefore(v []byte, i int) bool {
	if i == 0 {
		return false
	}
	if v[i-1]-'0' <= 9 {
		return true
	}
	_, n := digitAt(v, max(i-3, 0))
	return n == 3 && i >= 3
}

func letter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

func alnum(c byte) bool { return letter(c) || c-'0' <= 9 }

// joined reports whether the number at i is the rest of one that a '-', '.', '/' or, when spaces
// matter, a space ties to it.
func joined(v []byte, i int, spaces bool) bool {
	if i < 2 {
		return false
	}
	c := v[i-1]
	return (c == '-' || c == '.' || c == '/' || spaces && c == ' ') && v[i-2]-'0' <= 9
}

// contextSpan is how far before a number a word is looked for that says what it is.
const contextSpan = 40

// near reports whether one of the words stands shortly before i, without a letter beside it.
func (a *automaton) near(v []byte, i int) bool {
	start := max(0, i-contextSpan)
	state := uint32(0)
	for k := start; k < i; k++ {
		next := a.next[state+uint32(a.class[v[k]])]
		state = next &^ final
		if next&final == 0 || k+1 < i && letter(v[k+1]) {
			continue
		}
		for _, w := range a.lists[a.ends[state/uint32(a.columns)]] {
			if first := k + 1 - a.sizes[w]; first == 0 || first > 0 && !letter(v[first-1]) {
				return true
			}
		}
	}
	return false
}
