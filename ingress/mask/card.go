package mask

// card finds the payment card number that starts where r does.
func card(sc *scan, r *run) {
	if r.digits.n < 13 || decimals(r.v, r.start) {
		return
	}
	lengths := cardLengths(r.digits)
	for n := min(r.digits.n, 19); n >= 13; n-- {
		if lengths&(1<<n) == 0 || !r.whole[n-1] || !cardGroups(r, n) || !luhn(r.digits, n) {
			continue
		}
		end := r.ends[n-1]
		if end < len(r.v) && letter(r.v[end]) {
			continue
		}
		sc.add(kindCard, r.start, end)
		return
	}
}

// decimals reports whether i follows a decimal point.
func decimals(v []byte, i int) bool {
	return i >= 2 && v[i-1] == '.' && v[i-2]-'0' <= 9
}

// cardGroups reports whether the first n digits are grouped as people write cards: with one kind of
// separator, the first group of 4 to 6, the others of 3 to 7 but the last.
func cardGroups(r *run, n int) bool {
	var sep byte
	first, have := 0, 0 // digits in the group, as they are seen
	for g, group := 0, 0; g < r.groups && have < n; g++ {
		size := int(r.sizes[g])
		if g > 0 && r.seps[g] != 'z' {
			if sep != 0 && r.seps[g] != sep {
				return false
			}
			if first == 0 {
				first = group
				if first < 4 || first > 6 {
					return false
				}
			} else if group < 3 || group > 7 {
				return false
			}
			sep, group = r.seps[g], 0
		}
		group += size
		have += size
	}
	return sep != '/'
}

// cardLengths is the set of lengths (a bit each) that the issuer of a number's prefix uses.
func cardLengths(d digits) uint32 {
	const to19 = 1<<16 | 1<<17 | 1<<18 | 1<<19
	p := 0
	for _, x := range d.d[:6] {
		p = p*10 + int(x)
	}
	in := func(lo, hi int) bool { return p >= lo && p <= hi }
	switch {
	case in(400000, 499999): // Visa
		return 1<<13 | 1<<16 | 1<<19
	case in(510000, 559999), in(222100, 272099): // Mastercard
		return 1 << 16
	case in(340000, 349999), in(370000, 379999): // American Express
		return 1 << 15
	case in(300000, 305999), in(360000, 369999), in(380000, 399999), in(309500, 309599): // Diners Club
		return 1<<14 | to19
	case in(601100, 601199), in(644000, 659999): // Discover, RuPay, Verve, Elo
		return to19
	case in(352800, 358999), in(357111, 357111): // JCB, LankaPay
		return to19
	case in(213100, 213199), in(180000, 180099): // JCB
		return 1 << 15
	case in(620000, 629999), in(810000, 817199): // UnionPay
		return to19
	case in(220000, 220499): // Mir
		return to19
	case in(979200, 979299), in(508000, 508999), in(606900, 608999), in(820000, 829999): // Troy, RuPay
		return 1 << 16
	case in(506099, 506198): // Verve
		return to19
	case in(606282, 606282), in(506699, 506778), in(509000, 509999), in(501900, 501999), in(637000, 637999):
		return 1 << 16 // Hipercard, Elo, Dankort, InstaPayment
	case in(501800, 501899), in(502000, 502099), in(503800, 503899), in(589300, 589399), in(630400, 630499),
		in(675900, 675999), in(676100, 676399), in(639000, 639099), in(560000, 560999), in(636000, 636999): // Maestro, InterPayment
		return 1<<13 | 1<<14 | 1<<15 | to19
	}
	return 0
}

// luhn checks the first n digits (ISO/IEC 7812-1, annex B).
func luhn(d digits, n int) bool {
	sum := 0
	for i := range n {
		x := int(d.d[n-1-i])
		if i%2 == 1 {
			if x *= 2; x > 9 {
				x -= 9
			}
		}
		sum += x
	}
	return sum%10 == 0
}
