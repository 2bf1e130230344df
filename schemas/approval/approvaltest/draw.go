// Package approvaltest draws what requests may need, and judges what ran by other means than the fold of
// schemas/approval: it tries every way in which the consent might have come about.
package approvaltest

import (
	"fmt"
	"slices"
	"time"

	"pgregory.net/rapid"

	"sallyport/schemas"
)

// Asker is who asks. She is in the group of those who review, too, and in the one that may break the glass.
const Asker = "alice"

// Names are everybody: Asker, those who review, one whom nothing names.
func Names() []string { return []string{Asker, "bob", "carol", "dave", "eve", "frank"} }

// Reviewers are those whom what Need draws may name; between them they satisfy any of it in its time.
func Reviewers() []string { return Names()[1:5] }

// Person is one of Names, with their groups.
func Person(name string) *schemas.Principal {
	groups := map[string][]string{Asker: {"dba", "oncall"}, "bob": {"dba", "security"}, "carol": {"dba", "security", "lead"},
		"dave": {"security", "lead"}, "eve": {"dba", "lead"}}[name]
	return &schemas.Principal{Name: name, Kind: schemas.PrincipalKind_PRINCIPAL_KIND_USER, Groups: groups, TokenId: "t-" + name}
}

// Need draws rules of all shapes for a request that expires after lifetime (zero: by the default); the time of a
// step is some units.
func Need(t *rapid.T, lifetime, unit time.Duration) *schemas.ApprovalNeed {
	n := &schemas.ApprovalNeed{}
	for i := range rapid.IntRange(1, 2).Draw(t, "rules") {
		r := &schemas.ApprovalRule{Policy: fmt.Sprint("p", i), Expires: int64(lifetime)}
		if rapid.Bool().Draw(t, "glass") {
			r.BreakGlass = []string{"oncall"}
		}
		if rapid.Bool().Draw(t, "in steps") {
			for range rapid.IntRange(1, 2).Draw(t, "steps") {
				r.Steps = append(r.Steps, drawStep(t, unit))
			}
		} else {
			r.Any, r.All = entries(t, "any", 0, 2), entries(t, "all", 0, 1)
		}
		n.Rules = append(n.Rules, r)
	}
	return n
}

func drawStep(t *rapid.T, unit time.Duration) *schemas.ApprovalStep {
	s := &schemas.ApprovalStep{Within: int64(time.Duration(rapid.IntRange(0, 3).Draw(t, "within")) * unit)}
	if s.Any = entries(t, "any", 0, 2); len(s.Any) == 0 || rapid.Bool().Draw(t, "both") {
		s.All = entries(t, "all", 1, 1)
	}
	if s.Within > 0 {
		s.Escalate = entries(t, "escalate", 0, 1)
	}
	return s
}

func entries(t *rapid.T, label string, least, most int) (out []*schemas.ApprovalReviewers) {
	for range rapid.IntRange(least, most).Draw(t, label) {
		g := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"dba", "security", "lead"}), 1, 2, rapid.ID[string]).Draw(t, label+" groups")
		slices.Sort(g)
		out = append(out, &schemas.ApprovalReviewers{Groups: g, Count: uint32(rapid.IntRange(1, 2).Draw(t, label+" count"))})
	}
	return out
}
