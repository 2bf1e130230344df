package mask

// The checks of national ids. Each takes the digits alone.

// at returns digits i to j as a number.
func (d digits) at(i, j int) int {
	x := 0
	for _, v := range d.d[i:j] {
		x = x*10 + int(v)
	}
	return x
}

// weigh returns the sum of the digits times their weights.
func (d digits) weigh(weights ...int) int {
	sum := 0
	for i, w := range weights {
		sum += int(d.d[i]) * w
	}
	return sum
}

func (d digits) same() bool {
	for i := 1; i < d.n; i++ {
		if d.d[i] != d.d[0] {
			return false
		}
	}
	return true
}

// day reports whether month and day can be a date.
func day(month, day int) bool {
	if month < 1 || month > 12 || day < 1 {
		return false
	}
	return day <= 29 || day == 30 && month != 2 || day == 31 && month != 2 && month != 4 && month != 6 && month != 9 && month != 11
}

// usSSN: the areas 000, 666 and 9xx, the group 00 and the serial 0000 are never given; with an area of
// 9xx and certain groups it is an ITIN.
func usSSN(d digits) bool {
	area, group, serial := d.at(0, 3), d.at(3, 5), d.at(5, 9)
	if area >= 900 {
		return group >= 50 && group <= 65 || group >= 70 && group <= 88 || group >= 90 && group != 93
	}
	return area != 0 && area != 666 && group != 0 && serial != 0
}

func caSIN(d digits) bool { return d.d[0] != 0 && d.d[0] != 8 && luhn(d, 9) }

func nlBSN(d digits) bool {
	return !d.same() && d.weigh(9, 8, 7, 6, 5, 4, 3, 2, -1)%11 == 0
}

func ptNIF(d digits) bool {
	return d.d[0] != 0 && d.d[0] != 4 && checkEleven(d.weigh(9, 8, 7, 6, 5, 4, 3, 2)) == int(d.d[8])
}

// checkEleven is 11 minus the remainder by 11, with 0 for 10 and 11.
func checkEleven(sum int) int {
	if c := 11 - sum%11; c < 10 {
		return c
	}
	return 0
}

func auTFN(d digits) bool { return !d.same() && d.weigh(1, 4, 3, 7, 5, 8, 6, 9, 10)%11 == 0 }

func ukNHS(d digits) bool {
	c := 11 - d.weigh(10, 9, 8, 7, 6, 5, 4, 3, 2)%11
	return !d.same() && c%11 == int(d.d[9]) && c != 10
}

func sePersonnummer(d digits) bool {
	born := d.at(4, 6)
	return luhn(d, 10) && (day(d.at(2, 4), born) || day(d.at(2, 4), born-60))
}

func sePersonnummer12(d digits) bool {
	century := d.at(0, 2)
	short := digits{n: 10}
	copy(short.d[:], d.d[2:12])
	return century >= 18 && century <= 20 && sePersonnummer(short)
}

func dkCPR(d digits) bool { return day(d.at(2, 4), d.at(0, 2)) }

// deTaxID: of the first ten digits exactly one is there twice or three times, and the last is the
// check digit of ISO 7064 MOD 11,10.
func deTaxID(d digits) bool {
	var count [10]int
	for _, x := range d.d[:10] {
		count[x]++
	}
	repeated := 0
	for _, c := range count {
		if c > 3 {
			return false
		}
		if c > 1 {
			repeated++
		}
	}
	product := 10
	for _, x := range d.d[:10] {
		sum := (int(x) + product) % 10
		if sum == 0 {
			sum = 10
		}
		product = sum * 2 % 11
	}
	return d.d[0] != 0 && repeated == 1 && (11-product)%10 == int(d.d[10])
}

func brCPF(d digits) bool {
	first := d.weigh(10, 9, 8, 7, 6, 5, 4, 3, 2) * 10 % 11 % 10
	second := d.weigh(11, 10, 9, 8, 7, 6, 5, 4, 3, 2) * 10 % 11 % 10
	return !d.same() && first == int(d.d[9]) && second == int(d.d[10])
}

func beNISS(d digits) bool {
	if !day((d.at(2, 4)-1)%20+1, d.at(4, 6)) && d.at(2, 6) != 0 {
		return false
	}
	check, number := d.at(9, 11), d.at(0, 9)
	return d.at(6, 9) != 0 && (97-number%97 == check || 97-(2000000000+number)%97 == check)
}

func noFodselsnummer(d digits) bool {
	born := d.at(0, 2)
	if born > 40 { // a D-number
		born -= 40
	}
	return day(d.at(2, 4), born) &&
		d.weigh(3, 7, 6, 1, 8, 9, 4, 5, 2, 1)%11 == 0 && d.weigh(5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1)%11 == 0
}

func plPESEL(d digits) bool {
	return day(d.at(2, 4)%20, d.at(4, 6)) && d.weigh(1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1)%10 == 0
}

func trKimlik(d digits) bool {
	odd, even := d.weigh(1, 0, 1, 0, 1, 0, 1, 0, 1), d.weigh(0, 1, 0, 1, 0, 1, 0, 1)
	return d.d[0] != 0 && ((odd*7-even)%10+10)%10 == int(d.d[9]) && d.weigh(1, 1, 1, 1, 1, 1, 1, 1, 1, 1)%10 == int(d.d[10])
}

// inAadhaar checks the Verhoeff digit.
func inAadhaar(d digits) bool {
	multiply := [10]string{"0123456789", "1234067895", "2340178956", "3401289567", "4012395678",
		"5987604321", "6598710432", "7659821043", "8765932104", "9876543210"}
	permute := [8]string{"0123456789", "1576283094", "5803796142", "8916043527",
		"9453126870", "4286573901", "2793806415", "7046913258"}
	c := byte(0)
	for i := range 12 {
		x := permute[i%8][d.d[11-i]] - '0'
		c = multiply[c][x] - '0'
	}
	return c == 0 && d.d[0] >= 2
}

func jpMyNumber(d digits) bool {
	c := d.weigh(6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2) % 11
	if c <= 1 {
		return d.d[11] == 0
	}
	return 11-c == int(d.d[11])
}

func chAHV(d digits) bool {
	return d.at(0, 3) == 756 && d.weigh(1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1)%10 == 0
}

func zaID(d digits) bool {
	return day(d.at(2, 4), d.at(4, 6)) && d.d[10] <= 1 && d.d[11] >= 8 && luhn(d, 13)
}

// krRRN: its check digit is no longer given since 2020, so only the date and the century count.
func krRRN(d digits) bool { return day(d.at(2, 4), d.at(4, 6)) && d.d[6] >= 1 && d.d[6] <= 8 }

func arCUIT(d digits) bool {
	switch d.at(0, 2) {
	case 20, 23, 24, 25, 26, 27, 30, 33, 34:
		return d.weigh(5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1)%11 == 0
	}
	return false
}

// frNIR: sex, year, month, département, commune, number, and the key. Corsica's letters are in tokenID.
func frNIR(d digits) bool {
	month := d.at(3, 5)
	if d.d[0] != 1 && d.d[0] != 2 && d.d[0] != 7 && d.d[0] != 8 || month == 0 || month > 12 && month < 20 || month > 42 && month < 50 {
		return false
	}
	return d.at(5, 7) != 0 && d.at(7, 10) != 0 && 97-d.at(0, 13)%97 == d.at(13, 15)
}
