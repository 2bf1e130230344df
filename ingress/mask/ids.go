package mask

// idRule is a national id of digits alone.
type idRule struct {
	n       int
	format  string   // groups and what stands between them: 3-2-4; '~' is a space or a hyphen; "" has none
	plain   bool     // without separators it is one too
	words   []string // of which one must stand before it, when it has no separators or always is one
	always  bool     // context is needed with separators too
	check   func(digits) bool
	context *automaton // of words; nil without
}

// idTable is the rules by how many digits they have.
type idTable [maxRun][]idRule

func newIDTable() *idTable {
	var t idTable
	for _, r := range idRules() {
		if r.words != nil {
			r.context = newAutomaton(r.words)
		}
		t[r.n] = append(t[r.n], r)
	}
	return &t
}

func idRules() []idRule {
	words := func(w ...string) []string { return w }
	return []idRule{
		{n: 9, format: "3~2~4", words: words("ssn", "social security", "social security number", "itin"), check: usSSN},
		{n: 9, format: "3~3~3", words: words("sin", "nas", "social insurance"), check: caSIN},
		{n: 9, words: words("bsn", "burgerservicenummer", "sofinummer", "sofi"), check: nlBSN},
		{n: 9, format: "3~3~3", words: words("nif", "contribuinte"), always: true, check: ptNIF},
		{n: 9, format: "3~3~3", words: words("tfn", "tax file number"), always: true, check: auTFN},
		{n: 10, format: "3~3~4", words: words("nhs", "nhs number", "nhs no"), always: true, check: ukNHS},
		{n: 10, format: "6-4", check: sePersonnummer},
		{n: 10, format: "6-4", words: words("cpr", "cpr-nummer"), always: true, check: dkCPR},
		{n: 11, format: "2~3~3~3", plain: true, check: deTaxID},
		{n: 11, format: "3.3.3-2", words: words("cpf"), check: brCPF},
		{n: 11, format: "2.2.2-3.2", plain: true, check: beNISS},
		{n: 11, format: "6~5", plain: true, check: noFodselsnummer},
		{n: 11, words: words("pesel"), check: plPESEL},
		{n: 11, words: words("tc", "tckn", "kimlik", "t.c."), check: trKimlik},
		{n: 12, format: "4~4~4", words: words("aadhaar", "aadhar", "uidai", "uid"), check: inAadhaar},
		{n: 12, format: "4~4~4", words: words("my number", "mynumber", "マイナンバー", "個人番号"), check: jpMyNumber},
		{n: 12, format: "8-4", plain: true, check: sePersonnummer12},
		{n: 13, format: "3.4.4.2", plain: true, check: chAHV},
		{n: 13, format: "6~4~3", plain: true, check: zaID},
		{n: 13, format: "6-7", check: krRRN},
		{n: 15, format: "1~2~2~2~3~3~2", plain: true, check: frNIR},
		{n: 15, format: "d~2", plain: true, check: frNIR},
		{n: 11, format: "2-8-1", words: words("cuit", "cuil"), check: arCUIT},
	}
}

// find looks for the ids that start where r does.
func (t *idTable) find(sc *scan, r *run) {
	for n := r.digits.n; n >= 9; n-- {
		if n >= maxRun || !r.whole[n-1] {
			continue
		}
		for i := range t[n] {
			if t[n][i].matches(r) {
				sc.add(kindID, r.start, r.ends[n-1])
				return
			}
		}
	}
}

func (rule *idRule) matches(r *run) bool {
	d := r.digits
	d.n = rule.n
	end := r.ends[rule.n-1]
	if end < len(r.v) && (letter(r.v[end]) || r.v[end] == '_') || r.start > 0 && r.v[r.start-1] == '_' {
		return false
	}
	groups, sep, ok := r.fits(rule.format, rule.n)
	if groups == 1 && !rule.plain && rule.words == nil || !ok && groups != 1 || joined(r.v, r.start, sep == ' ') {
		return false
	}
	if r.goesOn(groups, end, sep) || !rule.check(d) {
		return false
	}
	needed := rule.always || groups == 1 && !rule.plain
	return !needed || rule.context.near(r.v, r.start)
}

// fits reports whether the first n digits are written in a format, in how many groups, and what
// separates the last of them. Separators that cannot be seen do not count.
func (r *run) fits(format string, n int) (groups int, sep byte, ok bool) {
	tilde := byte(0) // what '~' stands for here
	at, g, size, have := 0, 0, 0, 0
	groups, ok = 1, true
	for {
		size += int(r.sizes[g])
		have += int(r.sizes[g])
		g++
		if have < n && r.seps[g] == 'z' {
			continue
		}
		if at >= len(format) || size != groupSize(format[at]) {
			ok = false
		}
		if have >= n {
			return groups, sep, ok && at == len(format)-1
		}
		size, groups, sep = 0, groups+1, r.seps[g]
		if at++; at >= len(format) {
			ok = false
			continue
		}
		want := format[at]
		at++
		if want == '~' && (tilde == 0 && (sep == ' ' || sep == '-') || tilde == sep) {
			tilde, want = sep, sep
		}
		ok = ok && want == sep
	}
}

// groupSize reads a size: a digit, or a letter for ten (a) and more.
func groupSize(c byte) int {
	if c >= 'a' {
		return int(c-'a') + 10
	}
	return int(c - '0')
}

// goesOn reports whether more digits follow the ones that end at end, tied to them as they are to
// each other.
func (r *run) goesOn(groups, end int, sep byte) bool {
	n, k := separatorAt(r.v, end)
	if n == 0 || k == ' ' && sep != ' ' {
		return false
	}
	if _, size := digitAt(r.v, end+n); size == 0 {
		return false
	}
	return k == sep || groups == 1 || k == '-'
}
