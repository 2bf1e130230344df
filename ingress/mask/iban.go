package mask

// iban finds the account number whose check digits start at i (ISO 13616).
func iban(sc *scan, i int) {
	v, start := sc.v, i-2
	if start < 0 || !letter(v[start]) || start > 0 && alnum(v[start-1]) {
		return
	}
	length := ibanLength(v[start]&^0x20, v[start+1]&^0x20)
	if length == 0 {
		return
	}
	var chars [34]byte
	n, end := 0, start
	for n < length {
		if n > 0 && n%4 == 0 {
			if size, _ := separators(v, end); size > 0 && end+size < len(v) && alnum(v[end+size]) {
				end += size
			}
		}
		if end >= len(v) || !alnum(v[end]) {
			return
		}
		chars[n] = v[end]
		n, end = n+1, end+1
	}
	if end < len(v) && alnum(v[end]) || chars[3]-'0' > 9 || mod97(chars[:n]) != 1 {
		return
	}
	sc.add(kindIBAN, start, end)
}

// mod97 is ISO 7064 MOD 97-10 with the first four characters moved to the end.
func mod97(chars []byte) int {
	sum := 0
	for k := range chars {
		c := chars[(k+4)%len(chars)]
		if c-'0' <= 9 {
			sum = (sum*10 + int(c-'0')) % 97
		} else {
			sum = (sum*100 + int(c&^0x20-'A') + 10) % 97
		}
	}
	return sum
}

// ibanLength is how long a country's numbers are, from the SWIFT registry; 0 for others.
func ibanLength(a, b byte) int {
	switch string([]byte{a, b}) {
	case "NO":
		return 15
	case "BE":
		return 16
	case "DK", "FI", "FO", "GL", "NL", "SD", "FK":
		return 18
	case "MK", "SI":
		return 19
	case "AT", "BA", "EE", "KZ", "LT", "LU", "XK", "MN":
		return 20
	case "CH", "CR", "HR", "LI", "LV":
		return 21
	case "BG", "BH", "DE", "GB", "GE", "IE", "ME", "RS", "VA":
		return 22
	case "AE", "GI", "IL", "IQ", "TL", "OM", "SO":
		return 23
	case "AD", "CZ", "ES", "MD", "PK", "RO", "SA", "SE", "SK", "TN", "VG":
		return 24
	case "LY", "PT", "ST":
		return 25
	case "IS", "TR":
		return 26
	case "BI", "DJ", "FR", "GR", "IT", "MC", "MR", "SM":
		return 27
	case "AL", "AZ", "BY", "CY", "DO", "GT", "HN", "HU", "LB", "NI", "PL", "SV":
		return 28
	case "BR", "EG", "PS", "QA", "UA", "YE":
		return 29
	case "JO", "KW", "MU":
		return 30
	case "MT", "SC":
		return 31
	case "LC":
		return 32
	case "RU":
		return 33
	}
	return 0
}
