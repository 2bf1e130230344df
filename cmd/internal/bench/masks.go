package main

import (
	"fmt"
	"strings"
)

// maskedTargets are the server under two more names: with two masks, which cover e-mail and national ids
// by column, and with twenty, of which nine look for content in every value.
func maskedTargets() string {
	var b strings.Builder
	for _, n := range []int{2, 20} {
		b.WriteString(target(fmt.Sprintf("masked-%d", n)))
		for i := range n {
			fmt.Fprintf(&b, `---
apiVersion: sallyport/v1
kind: Mask
metadata: {name: mask-%d-%d}
spec: {targets: {names: [masked-%d]}, %s}
`, n, i, n, maskOf(i))
		}
	}
	return b.String()
}

// maskOf is what the i-th mask hides.
func maskOf(i int) string {
	detectors := []string{"credit-card", "email", "phone", "iban", "national-id", "private-key", "jwt", "cloud-key", "secret"}
	switch {
	case i == 0:
		return `columns: ["*.email"], with: partial, keep: 4`
	case i == 1:
		return `columns: [bulk.ssn]`
	case i < 2+len(detectors):
		return "detect: [" + detectors[i-2] + "]"
	}
	return fmt.Sprintf("columns: [other_%d.secret]", i)
}
