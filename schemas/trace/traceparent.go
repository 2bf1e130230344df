package trace

import (
	"errors"
	"strings"
)

// Parent is a traceparent that was checked, in the form in which it is written.
type Parent string

// ErrParent says that a traceparent is not one.
var ErrParent = errors.New("a traceparent is 00-<32 hexadecimal digits>-<16>-<2>, in lower case and not all zeros")

const parentSize = 55 // bytes of version 00

// Parse checks a traceparent. Of a later version it keeps what version 00 has, as section 3.2.3 says.
func Parse(s string) (Parent, error) {
	if len(s) < parentSize || len(s) > 512 {
		return "", ErrParent
	}
	version, rest := s[:2], s[parentSize:]
	later := version != "00"
	if version == "ff" || !later && rest != "" || later && rest != "" && rest[0] != '-' {
		return "", ErrParent
	}
	parts := strings.Split(s[:parentSize], "-")
	if len(parts) != 4 {
		return "", ErrParent
	}
	for i, size := range []int{2, 32, 16, 2} {
		if len(parts[i]) != size || strings.Trim(parts[i], "0123456789abcdef") != "" {
			return "", ErrParent
		}
	}
	if strings.Trim(parts[1], "0") == "" || strings.Trim(parts[2], "0") == "" {
		return "", ErrParent
	}
	return Parent(s[:parentSize]), nil
}

// TraceID is the trace that p is of: 32 hexadecimal digits; empty for what Parse did not return.
func (p Parent) TraceID() string {
	if len(p) != parentSize {
		return ""
	}
	return string(p[3:35])
}
