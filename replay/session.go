package replay

import (
	"time"

	"sallyport/schemas"
)

// Session is what the list shows of a session: a fold over its facts. What is stored in the bucket
// is this as JSON; Open, and the duration of an open session, are filled in when it is read.
type Session struct {
	ID            schemas.SessionID `json:"id"`
	Principal     string            `json:"principal"`
	PrincipalKind string            `json:"principal_kind"`
	Groups        []string          `json:"groups"`
	Run           string            `json:"run"`
	Target        string            `json:"target"`
	TargetLabels  map[string]string `json:"target_labels"`
	Protocol      string            `json:"protocol"`
	Database      string            `json:"database"`
	ClientAddress string            `json:"client_address"`
	ClientName    string            `json:"client_name"`
	UpstreamUser  string            `json:"upstream_user"`
	TLS           bool              `json:"tls"`
	Gateway       string            `json:"gateway"`
	Opened        time.Time         `json:"opened"`
	Closed        *time.Time        `json:"closed"`
	Open          bool              `json:"open"`
	Reason        string            `json:"reason"` // why it was closed
	Message       string            `json:"message"`
	Commands      uint64            `json:"commands"`
	Rows          uint64            `json:"rows"`
	BytesIn       uint64            `json:"bytes_in"`
	BytesOut      uint64            `json:"bytes_out"`
	Denied        uint64            `json:"denied"`
	Held          uint64            `json:"held"`
	Errors        uint64            `json:"errors"` // of the target; refusals are not among them
	DurationMS    float64           `json:"duration_ms"`
	LastNumber    uint64            `json:"last_number"`        // of the last fact folded in
	MovedIn       uint64            `json:"moved_in,omitempty"` // while it is open: as last told; bytes_in as it is read has it
	MovedOut      uint64            `json:"moved_out,omitempty"`
}

// fold adds a fact. Facts come in order; one that is already in changes nothing, so folding from
// an earlier position again is harmless.
func (s *Session) fold(e *schemas.Entry, when time.Time) (changed bool) {
	if e.GetNumber() <= s.LastNumber {
		return false
	}
	s.LastNumber = e.GetNumber()
	switch k := e.GetKind().(type) {
	case *schemas.Entry_Opened:
		s.open(opened(k.Opened), when)
	case *schemas.Entry_Command:
		s.Commands++
	case *schemas.Entry_Verdict:
		switch k.Verdict.GetOutcome() {
		case schemas.Outcome_OUTCOME_DENY:
			s.Denied++
		case schemas.Outcome_OUTCOME_HOLD:
			s.Held++
		}
	case *schemas.Entry_Result:
		s.Rows += k.Result.GetRows()
		s.BytesOut += k.Result.GetBytes()
		s.BytesIn += k.Result.GetBytesIn()
		if k.Result.GetError() != nil && !k.Result.GetRefused() {
			s.Errors++
		}
	case *schemas.Entry_Moved:
		s.MovedIn, s.MovedOut = k.Moved.GetBytesIn(), k.Moved.GetBytesOut()
	case *schemas.Entry_Closed:
		s.close(k.Closed, when)
	}
	return true
}

func (s *Session) open(o *Opened, when time.Time) {
	s.Principal, s.PrincipalKind, s.Groups, s.Run = o.Principal, o.PrincipalKind, o.Groups, o.Run
	s.Target, s.TargetLabels, s.Protocol, s.Database = o.Target, o.TargetLabels, o.Protocol, o.Database
	s.ClientAddress, s.ClientName, s.UpstreamUser = o.ClientAddress, o.ClientName, o.UpstreamUser
	s.TLS, s.Gateway, s.Opened = o.TLS, o.Gateway, when
}

// close takes the gateway's own totals where they are larger: they count what no result tells. A
// reaper that closes for a gateway that is gone has none.
func (s *Session) close(c *schemas.Closed, when time.Time) {
	s.Closed, s.Reason, s.Message = &when, c.GetReason(), c.GetMessage()
	s.Rows = max(s.Rows, c.GetRows())
	s.BytesIn = max(s.BytesIn, c.GetBytesIn(), s.MovedIn)
	s.BytesOut = max(s.BytesOut, c.GetBytesOut(), s.MovedOut)
	s.MovedIn, s.MovedOut = 0, 0
	s.DurationMS = milliseconds(int64(max(0, when.Sub(s.Opened))))
}

// shown is the session as it is at now.
func (s Session) shown(now time.Time) Session {
	if s.Open = s.Closed == nil; s.Open {
		s.DurationMS = milliseconds(int64(max(0, now.Sub(s.Opened))))
		s.BytesIn, s.BytesOut = max(s.BytesIn, s.MovedIn), max(s.BytesOut, s.MovedOut)
		s.MovedIn, s.MovedOut = 0, 0
	}
	s.Groups, s.TargetLabels = list(s.Groups), labels(s.TargetLabels)
	return s
}
