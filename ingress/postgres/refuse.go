package postgres

import (
	"errors"
	"strings"

	"github.com/jackc/pgproto3/v2"

	"sallyport/ingress/session"
	"sallyport/schemas"
)

// refusal is an error of the gateway, as a client of PostgreSQL gets errors.
type refusal struct {
	severity, code, message, advice string
}

func fatal(code, message string) *refusal {
	return &refusal{severity: "FATAL", code: code, message: message}
}

func failure(code, message string) *refusal {
	return &refusal{severity: "ERROR", code: code, message: message}
}

func (r *refusal) hint(h string) *refusal {
	r.advice = h
	return r
}

func (r *refusal) Error() string { return r.message }

// encode appends the ErrorResponse.
func (r *refusal) encode(dst []byte) []byte {
	dst, err := (&pgproto3.ErrorResponse{Severity: r.severity, SeverityUnlocalized: r.severity, Code: r.code,
		Message: noZero(r.message), Hint: noZero(r.advice)}).Encode(dst)
	if err != nil { // larger than a message can be
		return message(dst, backError, []byte("SFATAL\x00C54000\x00Merror too large\x00\x00"))
	}
	return dst
}

func noZero(s string) string { return strings.ReplaceAll(s, "\x00", " ") }

func (r *refusal) failure() *schemas.Failure {
	return &schemas.Failure{Severity: r.severity, Code: r.code, Message: valid([]byte(r.message)), Hint: valid([]byte(r.advice))}
}

// notice is what the gateway tells a client beside answers.
type notice struct{ message, detail, hint string }

func (n notice) encode(dst []byte) []byte {
	out, err := (&pgproto3.NoticeResponse{Severity: "NOTICE", SeverityUnlocalized: "NOTICE", Code: "00000",
		Message: noZero(n.message), Detail: noZero(n.detail), Hint: noZero(n.hint)}).Encode(dst)
	if err != nil {
		return dst
	}
	return out
}

// codes maps what users see to SQLSTATEs.
var codes = map[schemas.Code]string{
	schemas.CodeUnauthenticated: "28P01",
	schemas.CodeForbidden:       "42501",
	schemas.CodeStepUp:          "42501",
	schemas.CodeNotFound:        "3D000",
	schemas.CodeInvalid:         "08P01",
	schemas.CodeConflict:        "55006",
	schemas.CodeUnsupported:     "0A000",
	schemas.CodeLimit:           "53400",
	schemas.CodeUnavailable:     "57P03",
	schemas.CodeKilled:          "57P01",
	schemas.CodeCanceled:        "57014",
	schemas.CodeInternal:        "XX000",
}

// shown turns any error into what the client may see of it.
func shown(err error, severity string) *refusal {
	if r, ok := errors.AsType[*refusal](err); ok {
		return r
	}
	e := schemas.Shown(err)
	return &refusal{severity: severity, code: codes[e.Code], message: e.Message, advice: e.Hint}
}

// denial is the error of a command that policy refuses.
func denial(d *session.Decision) *refusal {
	e := d.Refusal()
	code := codes[schemas.CodeForbidden]
	if e.Code == schemas.CodeCanceled {
		code = codes[e.Code]
	}
	return &refusal{severity: "ERROR", code: code, message: e.Message, advice: e.Hint}
}

// A refused command is replaced by one that certainly fails at the target, and does nothing else:
// so the transaction, the pipeline and the status are what an error of the command itself would
// have made them. The target's error is then replaced by the gateway's.
const certainError = ") refused by the gateway"

// insteadOfQuery appends a Query that fails.
func insteadOfQuery(dst []byte) []byte {
	return message(dst, frontQuery, []byte(certainError), []byte{0})
}

// insteadOfParse appends a Parse of the same name that fails.
func insteadOfParse(dst []byte, name string) []byte {
	return message(dst, frontParse, []byte(name), []byte{0}, []byte(certainError), []byte{0, 0, 0})
}

// insteadOfExecute appends an Execute of a portal that does not exist: portal is a name that no
// client can guess.
func insteadOfExecute(dst []byte, portal string) []byte {
	return message(dst, frontExecute, []byte(portal), []byte{0, 0, 0, 0, 0})
}

// endOf is what a client is told when its session ends.
func endOf(e session.End) *refusal {
	code := map[session.Reason]string{
		session.ReasonKilled: "57P01", session.ReasonShutdown: "57P01", session.ReasonExpired: "28P01",
		session.ReasonLimit: "53400", session.ReasonError: "58000", session.ReasonTarget: "08006",
	}[e.Reason]
	if code == "" {
		code = "57P01"
	}
	return fatal(code, "terminating connection: "+e.Message)
}
