package mask

// maxToken is the longest id with letters, in characters.
const maxToken = 18

// tokenID finds the ids that have letters beside digits, from the group of digits i to end.
func (s *Scanner) tokenID(sc *scan, i, end int) {
	v := sc.v
	start := i
	for start > 0 && i-start <= maxToken && alnum(v[start-1]) {
		start--
	}
	for end < len(v) && end-start <= maxToken && alnum(v[end]) {
		end++
	}
	if start > 0 && v[start-1] == '_' || end < len(v) && v[end] == '_' {
		return
	}
	if stop := known(v, start, end); stop > 0 {
		sc.add(kindID, start, stop)
		return
	}
	if from, stop := nino(v, start); stop > 0 {
		sc.add(kindID, from, stop)
	}
}

// known returns where the id in the token start:end ends, or 0.
func known(v []byte, start, end int) int {
	t := v[start:end]
	switch {
	case len(t) == 9 && (nie(t) || shape(t, "A9999999A") && (sgNRIC(t) || iePPS(t))), len(t) == 9 && shape(t, "9999999AA") && iePPS(t),
		len(t) == 9 && shape(t, "99999999A") && spanish(t[:8], t[8]),
		len(t) == 8 && shape(t, "9999999A") && iePPS(t),
		len(t) == 15 && frCorsica(t),
		len(t) == 16 && codiceFiscale(t),
		len(t) == 18 && (curp(t) || cnID(t)):
		return end
	case len(t) == 18 && shape(t, "999999999999999999") && cnID(t):
		return end
	}
	return hyphened(v, start, end)
}

// hyphened knows the ids with a sign before the last characters: DNI 12345678-Z, HETU 131052-308T,
// Hong Kong's A123456(3).
func hyphened(v []byte, start, end int) int {
	t := v[start:end]
	if end+1 >= len(v) {
		return 0
	}
	stop := end + 2
	closed := stop >= len(v) || !alnum(v[stop]) && v[stop] != '_'
	switch {
	case v[end] == '-' && closed && shape(t, "99999999") && spanish(t, v[end+1]),
		v[end] == '-' && closed && len(t) == 8 && shape(t[1:], "9999999") && t[0] >= 'X' && t[0] <= 'Z' && nieNumber(t, v[end+1]):
		return stop
	case (v[end] == '-' || v[end] == '+') && len(t) == 6 && hetu(v, start, end+5):
		return end + 5
	case v[end] == '(' && stop < len(v) && v[stop] == ')' && hkID(t, v[end+1]):
		return stop + 1
	}
	return 0
}

// shape reports whether t has the classes of a pattern: 9 a digit, A a capital letter.
func shape(t []byte, pattern string) bool {
	if len(t) != len(pattern) {
		return false
	}
	for i, c := range t {
		if pattern[i] == '9' && c-'0' > 9 || pattern[i] == 'A' && c-'A' > 25 {
			return false
		}
	}
	return true
}

func value(t []byte) int {
	x := 0
	for _, c := range t {
		x = x*10 + int(c-'0')
	}
	return x
}

// spanish checks the letter of a DNI.
func spanish(number []byte, letter byte) bool {
	return "TRWAGMYFPDXBNJZSQVHLCKE"[value(number)%23] == letter
}

func nie(t []byte) bool {
	return shape(t, "A9999999A") && t[0] >= 'X' && t[0] <= 'Z' && nieNumber(t[:8], t[8])
}

func nieNumber(t []byte, letter byte) bool {
	return "TRWAGMYFPDXBNJZSQVHLCKE"[(int(t[0]-'X')*10000000+value(t[1:]))%23] == letter
}

func sgNRIC(t []byte) bool {
	sum := 0
	for i, w := range [...]int{2, 7, 6, 5, 4, 3, 2} {
		sum += w * int(t[i+1]-'0')
	}
	switch t[0] {
	case 'S':
		return "JZIHGFEDCBA"[sum%11] == t[8]
	case 'T':
		return "JZIHGFEDCBA"[(sum+4)%11] == t[8]
	case 'F':
		return "XWUTRQPNMLK"[sum%11] == t[8]
	case 'G':
		return "XWUTRQPNMLK"[(sum+4)%11] == t[8]
	}
	return false
}

// iePPS: seven digits, the check letter, and since 2013 another letter.
func iePPS(t []byte) bool {
	if !shape(t[:7], "9999999") {
		return false
	}
	sum := 0
	for i := range 7 {
		sum += (8 - i) * int(t[i]-'0')
	}
	if len(t) == 9 {
		if t[8] > 'I' && t[8] != 'W' {
			return false
		}
		if t[8] != 'W' {
			sum += 9 * int(t[8]-'A'+1)
		}
	}
	return "WABCDEFGHIJKLMNOPQRSTUV"[sum%23] == t[7]
}

// frCorsica is a NIR of the départements 2A and 2B.
func frCorsica(t []byte) bool {
	if t[5] != '2' || t[6] != 'A' && t[6] != 'B' {
		return false
	}
	d := digits{n: 15}
	for i, c := range t {
		if i != 6 && c-'0' > 9 {
			return false
		}
		d.d[i] = c - '0'
	}
	d.d[5], d.d[6] = 1, 9-(t[6]-'A') // 19 for 2A, 18 for 2B
	return frNIR(d)
}

// codiceFiscale checks the last character over the others; letters may stand for digits (omocodia).
func codiceFiscale(t []byte) bool {
	sum := 0
	const odd = "\x01\x00\x05\x07\x09\x0d\x0f\x11\x13\x15\x02\x04\x12\x14\x0b\x03\x06\x08\x0c\x0e\x10\x0a\x16\x19\x18\x17"
	for i, c := range t[:15] {
		number := i == 6 || i == 7 || i == 9 || i == 10 || i >= 12 && i <= 14
		x := c - '0'
		switch {
		case number && (x <= 9 || c >= 'L' && c <= 'V' && c != 'O'):
		case number || c-'A' > 25:
			return false
		}
		if x > 9 {
			x = c - 'A'
		}
		if i%2 == 0 {
			x = odd[x]
		}
		sum += int(x)
	}
	return t[15] == 'A'+byte(sum%26)
}

// curp is Mexico's: the last digit checks the others.
func curp(t []byte) bool {
	if !shape(t[:10], "AAAA999999") || !shape(t[11:16], "AAAAA") || t[10] != 'H' && t[10] != 'M' && t[10] != 'X' || t[17]-'0' > 9 || !day(value(t[6:8]), value(t[8:10])) {
		return false
	}
	sum := 0
	for i, c := range t[:17] {
		x := int(c - '0')
		if x > 9 {
			if x = int(c-'A') + 10; c > 'N' {
				x++ // Ñ has the place after N
			}
		}
		sum += x * (18 - i)
	}
	return (10-sum%10)%10 == int(t[17]-'0')
}

// cnID is China's resident id: ISO 7064 MOD 11-2.
func cnID(t []byte) bool {
	if !shape(t[:17], "99999999999999999") || !day(value(t[10:12]), value(t[12:14])) || t[6] != '1' && t[6] != '2' {
		return false
	}
	sum := 0
	for i, w := range [...]int{7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2} {
		sum += w * int(t[i]-'0')
	}
	last := t[17]
	if last == 'x' {
		last = 'X'
	}
	return "10X98765432"[sum%11] == last
}

// hetu is Finland's: a date, a sign for the century, three digits, a check character.
func hetu(v []byte, start, end int) bool {
	if end > len(v) || end < len(v) && alnum(v[end]) {
		return false
	}
	t := v[start:end]
	if !shape(t[:6], "999999") || !shape(t[7:10], "999") || !day(value(t[2:4]), value(t[:2])) {
		return false
	}
	return "0123456789ABCDEFHJKLMNPRSTUVWXY"[(value(t[:6])*1000+value(t[7:10]))%31] == t[10]
}

// hkID: a letter, six digits, and a check digit in brackets.
func hkID(t []byte, check byte) bool {
	if !shape(t, "A999999") {
		return false
	}
	sum := 36*9 + 8*int(t[0]-'A'+10) // a blank stands before a single letter
	for i := range 6 {
		sum += (7 - i) * int(t[i+1]-'0')
	}
	return "0A987654321"[sum%11] == check
}

// nino is Britain's: two letters, six digits, one of A to D; in pairs or together.
func nino(v []byte, start int) (from, end int) {
	from = start
	if n := start - 1; n >= 2 && v[n] == ' ' && v[start]-'0' <= 9 { // AB 12 34 56 C
		from = n - 2
	}
	if from > 0 && (alnum(v[from-1]) || v[from-1] == '_') {
		return 0, 0
	}
	var t [9]byte
	n, i := 0, from
	for n < 9 {
		if n > 0 && n%2 == 0 && i < len(v) && v[i] == ' ' {
			i++
		}
		if i >= len(v) || !alnum(v[i]) {
			return 0, 0
		}
		t[n] = v[i]
		n, i = n+1, i+1
	}
	if i < len(v) && (alnum(v[i]) || v[i] == '_') || !shape(t[:], "AA999999A") || t[8] > 'D' || !ninoPrefix(t[0], t[1]) {
		return 0, 0
	}
	return from, i
}

func ninoPrefix(a, b byte) bool {
	for _, c := range [...]byte{a, b} {
		switch c {
		case 'D', 'F', 'I', 'Q', 'U', 'V':
			return false
		}
	}
	switch string([]byte{a, b}) {
	case "BG", "GB", "NK", "KN", "TN", "NT", "ZZ":
		return false
	}
	return b != 'O'
}
