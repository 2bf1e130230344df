package approval

import (
	"math"
	"strconv"
)

// Expected says in a few words how many rows a planner expects, or why it was not said.
func Expected(rows float64, failure string) string {
	switch {
	case failure != "":
		return "no estimate: " + failure
	case rows == 1:
		return "about 1 row"
	case rows < 1e15 && rows >= 0:
		return "about " + thousands(int64(math.Round(rows))) + " rows"
	}
	return "about " + strconv.FormatFloat(rows, 'g', 3, 64) + " rows"
}

func thousands(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
