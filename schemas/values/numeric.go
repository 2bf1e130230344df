package values

import (
	"fmt"
	"strings"
)

// mostPadding bounds the zeros that a value asks for beyond the digits it brings. 1e131071 takes ten
// bytes; a frame full of those would take gigabytes to show, and is shown as bytes instead.
const mostPadding = 1000

// renderNumeric decodes digits of base 10000, the first of them weighing 10000^weight, and shows
// as many decimals as the value says.
func renderNumeric(r *reader) string {
	count, weight, sign, scale := int(int16(r.uint16())), int(int16(r.uint16())), r.uint16(), int(r.uint16())
	switch sign {
	case 0xC000:
		return "NaN"
	case 0xD000:
		return "Infinity"
	case 0xF000:
		return "-Infinity"
	case 0, 0x4000:
	default:
		r.bad = true
	}
	if count < 0 || 2*count != len(r.b) || 4*(weight+1)+scale > 4*count+mostPadding {
		r.bad = true
	}
	if r.bad {
		return ""
	}
	digits := make([]int, count)
	for i := range digits {
		if digits[i] = int(r.uint16()); digits[i] > 9999 {
			r.bad = true
		}
	}
	s := decimal(digits, weight, scale)
	if sign == 0x4000 {
		return "-" + s
	}
	return s
}

func decimal(digits []int, weight, scale int) string {
	at := func(i int) int { // the digit weighing 10000^(weight-i)
		if i < 0 || i >= len(digits) {
			return 0
		}
		return digits[i]
	}
	var s strings.Builder
	if weight < 0 {
		s.WriteByte('0')
	}
	for i := 0; i <= weight; i++ {
		if i == 0 {
			fmt.Fprintf(&s, "%d", at(i))
		} else {
			fmt.Fprintf(&s, "%04d", at(i))
		}
	}
	if scale == 0 {
		return s.String()
	}
	s.WriteByte('.')
	end := s.Len() + scale
	for i := weight + 1; s.Len() < end; i++ {
		fmt.Fprintf(&s, "%04d", at(i))
	}
	return s.String()[:end]
}
