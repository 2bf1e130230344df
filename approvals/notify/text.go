package notify

import (
	"fmt"
	"strings"
	"unicode"

	"sallyport/schemas"
	"sallyport/schemas/approval"
)

// cleaned keeps what others wrote on its line.
func cleaned(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, strings.ToValidUTF8(s, "\uFFFD"))
}

// title says in one line what happened.
func title(m Message) string {
	a := m.State.Ask
	who, where := cleaned(a.GetPrincipal().GetName()), cleaned(a.GetTarget())
	what := "a command on " + where
	if a.GetGrant() != nil {
		what = cleaned(a.GetText())
	}
	switch m.What {
	case approval.Requested, Estimated:
		if m.State.Status == approval.Pending {
			return who + " asks for " + what
		}
		return what + " of " + who + ": " + string(m.State.Status) + by(m.State)
	case approval.Escalation:
		return "Nobody has decided yet: " + who + " asks for " + what
	case approval.GlassBroken:
		return "BREAK-GLASS: " + who + " runs " + what + " without consent"
	case approval.ReviewedAfter:
		return what + " that " + who + " ran without consent: " + verb(m.State.After.Decision) + " by " + cleaned(m.State.After.Reviewer.GetName())
	case approval.Reviewed:
		return what + " of " + who + ": others are still needed"
	}
	return what + " of " + who + ": " + m.What + by(m.State)
}

func by(s approval.State) string {
	if len(s.By) == 0 {
		return ""
	}
	return " by " + cleaned(strings.Join(s.By, ", "))
}

func verb(decision string) string {
	if decision == approval.Deny {
		return "objected to"
	}
	return "accepted"
}

// field is a name and what is said of it.
type field struct{ name, value string }

// fields are what people need to know besides the text.
func fields(s approval.State) []field {
	a := s.Ask
	who := a.GetPrincipal().GetName()
	if a.GetPrincipal().GetKind() == schemas.PrincipalKind_PRINCIPAL_KIND_AGENT {
		who += " (agent)"
		if a.GetStarter() != "" {
			who += ", started by " + a.GetStarter()
		}
	}
	out := []field{{"Who", who}, {"Target", a.GetTarget()}}
	if a.GetRun().GetId() != "" {
		out = append(out, field{"Run", a.GetRun().GetId()})
	}
	var because []string
	for _, r := range a.GetReasons() {
		because = append(because, r.GetMessage())
	}
	if a.GetReason() != "" {
		because = append(because, a.GetReason())
	}
	out = append(out, field{"Why", strings.Join(because, "; ")})
	if writes := a.GetSql().GetWrites(); len(writes) > 0 {
		out = append(out, field{"Writes", strings.Join(writes, ", ")})
	}
	if reads := a.GetSql().GetReads(); len(reads) > 0 {
		out = append(out, field{"Reads", strings.Join(reads, ", ")})
	}
	if e := s.Estimate; e != nil {
		out = append(out, field{"Estimate", approval.Expected(e.GetRows(), e.GetFailure())})
	}
	if s.Status == approval.Pending {
		out = append(out, field{"Expires", moment(s.Expires)})
	}
	if s.Reason != "" && s.Status != approval.Pending {
		out = append(out, field{"Reason", s.Reason})
	}
	if s.After != nil && s.After.Reason != "" {
		out = append(out, field{"Afterwards", s.After.Reason})
	}
	kept := out[:0]
	for _, f := range out {
		if f.value = cleaned(f.value); f.value != "" {
			kept = append(kept, f)
		}
	}
	return kept
}

// statement returns the text, or the beginning of it; whole says whether it is all that a reviewer
// has to see. What could not be parsed may hold secrets that nobody looked for, and is not sent.
func statement(a *schemas.ApprovalAsk, most int) (text string, whole bool) {
	if a.GetSql().GetUnparsed() || a.GetExec().GetUnparsed() {
		return "", false
	}
	text = strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || unicode.IsPrint(r) {
			return r
		}
		return '\uFFFD'
	}, strings.ToValidUTF8(a.GetText(), "\uFFFD"))
	whole = len(a.GetParameters()) == 0 && text == a.GetText()
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most]) + "…", false
	}
	return text, whole
}

// note says what a reviewer has to look at elsewhere.
func note(a *schemas.ApprovalAsk, whole bool) string {
	switch n := len(a.GetParameters()); {
	case whole:
		return ""
	case n > 0:
		return fmt.Sprintf("It has %d parameters: open the request to see all of it.", n)
	}
	return "Open the request to see all of it."
}
