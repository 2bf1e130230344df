package replay

import "time"

// Opened is the first entry of a session.
type Opened struct {
	Principal     string            `json:"principal"`
	PrincipalKind string            `json:"principal_kind"` // user, agent
	Groups        []string          `json:"groups"`
	TokenID       string            `json:"token_id"`
	Run           string            `json:"run"`
	RunAgent      string            `json:"run_agent"`
	PromptDigest  string            `json:"prompt_digest"`
	Target        string            `json:"target"`
	TargetLabels  map[string]string `json:"target_labels"`
	Protocol      string            `json:"protocol"`
	Database      string            `json:"database"`
	ClientAddress string            `json:"client_address"`
	ClientName    string            `json:"client_name"`
	Gateway       string            `json:"gateway"`
	UpstreamUser  string            `json:"upstream_user"`
	TLS           bool              `json:"tls"`
	RunParent     string            `json:"run_parent,omitempty"`
	RunModel      string            `json:"run_model,omitempty"`
	Traceparent   string            `json:"traceparent,omitempty"`
}

// Command is a statement, exec, request or call.
type Command struct {
	Kind            string      `json:"command_kind"` // query, prepare, execute; exec, shell, line, subsystem, file, forward
	Text            string      `json:"text"`
	TextSize        uint64      `json:"text_size"` // more than Text holds: text entries before this one carry all of it
	TextFirst       uint64      `json:"text_first,omitempty"`
	Digest          string      `json:"digest"`
	Statement       string      `json:"statement"`
	Portal          string      `json:"portal"`
	Parameters      []Parameter `json:"parameters"`
	ParametersFirst uint64      `json:"parameters_first,omitempty"`
	SQL             *SQL        `json:"sql"`
	Exec            *Exec       `json:"exec,omitempty"`
	Operation       *Operation  `json:"operation,omitempty"`
	Forward         *Forward    `json:"forward,omitempty"`
	Parent          uint64      `json:"parent,omitempty"` // the command that this one is part of

	Attributes map[string]string `json:"attributes,omitempty"` // of the text's comment, as the client says
}

// Parameter is a bound value.
type Parameter struct {
	Text   *string `json:"text"` // null: it was null, or not recorded
	Null   bool    `json:"null"`
	Binary bool    `json:"binary"`
	Type   uint32  `json:"type"`
	Size   uint64  `json:"size"`
	Marker string  `json:"marker"` // why it was not recorded
}

// SQL is what the enforcer made of the text.
type SQL struct {
	Kinds           []string `json:"kinds"`
	Reads           []string `json:"reads"`
	Writes          []string `json:"writes"`
	Columns         []string `json:"columns"`
	Functions       []string `json:"functions"`
	Statements      uint32   `json:"statements"`
	UnfilteredWrite bool     `json:"unfiltered_write"`
	Opaque          bool     `json:"opaque"`
	Unparsed        bool     `json:"unparsed"`
	ParseError      string   `json:"parse_error,omitempty"`
}

// Verdict is what was decided about a command.
type Verdict struct {
	Command  uint64   `json:"command"`
	Outcome  string   `json:"outcome"` // allow, deny, hold
	Reasons  []Reason `json:"reasons"`
	Revision string   `json:"revision"`
	Reused   bool     `json:"reused"`
	Masks    []string `json:"masks"`
}

// Reason is a policy that spoke for the outcome.
type Reason struct {
	Policy  string `json:"policy"`
	Message string `json:"message"`
}

// Held says that a command waits.
type Held struct {
	Command  uint64    `json:"command"`
	Approval string    `json:"approval"`
	Expires  time.Time `json:"expires"`
}

// Decided is what became of a held command.
type Decided struct {
	Command  uint64   `json:"command"`
	Approval string   `json:"approval"`
	Decision string   `json:"decision"` // approved, denied, expired, withdrawn
	By       []string `json:"by"`
	Reason   string   `json:"reason"`
}

// Result is how a command ended for the client.
type Result struct {
	Command    uint64   `json:"command"`
	Tag        string   `json:"tag"`
	Rows       uint64   `json:"rows"`
	Bytes      uint64   `json:"bytes"`
	BytesIn    uint64   `json:"bytes_in"`
	DurationMS float64  `json:"duration_ms"`
	Refused    bool     `json:"refused"`
	Suspended  bool     `json:"suspended"`
	Error      *Failure `json:"error"`
}

// Failure is an error, or a notice, as the client got it.
type Failure struct {
	Severity string `json:"severity"`
	Code     string `json:"code"`
	Message  string `json:"message"`
	Detail   string `json:"detail"`
	Hint     string `json:"hint"`
}

// Notice was told to the client outside of a result.
type Notice struct {
	Command uint64   `json:"command"`
	Kind    string   `json:"notice_kind"` // notice, notification, gateway
	Body    *Failure `json:"body"`
	Channel string   `json:"channel"`
	Payload string   `json:"payload"`
}

// Closed is the last fact of a session.
type Closed struct {
	Reason   string `json:"reason"`
	Message  string `json:"message"`
	By       string `json:"by"`
	Commands uint64 `json:"commands"`
	Rows     uint64 `json:"rows"`
	BytesIn  uint64 `json:"bytes_in"`
	BytesOut uint64 `json:"bytes_out"`
}

// Lost declares numbers that were never acknowledged.
type Lost struct {
	Ranges []Range `json:"ranges"`
}

// Range is inclusive.
type Range struct {
	First uint64 `json:"first"`
	Last  uint64 `json:"last"`
}

// State is a session parameter that changed.
type State struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Payload is text where it is UTF-8, else base64.
type Payload struct {
	Text   *string `json:"text,omitempty"`
	Base64 []byte  `json:"base64,omitempty"`
}

// Text is a piece of a text or parameter too large for its command.
type Text struct {
	First     uint64 `json:"first"`
	Offset    uint64 `json:"offset"`
	Parameter uint32 `json:"parameter"` // 1-based; 0: the command's text
	Payload
}

// Columns describes the rows of a command.
type Columns struct {
	Command uint64   `json:"command"`
	Columns []Column `json:"columns"`
}

// Column is one of them.
type Column struct {
	Name   string `json:"name"`
	Type   string `json:"type"`
	Masked bool   `json:"masked"`
	Binary bool   `json:"binary"`
}

// Rows are whole rows; a null cell is nil.
type Rows struct {
	Command uint64      `json:"command"`
	Rows    [][]*string `json:"rows"`              // that end here, whole
	More    bool        `json:"more,omitempty"`    // another begins or goes on here, and ends in a later entry
	Problem string      `json:"problem,omitempty"` // the frame was malformed after these, or a row is too long to be joined
}

// Bytes is payload without rows.
type Bytes struct {
	Command uint64 `json:"command"`
	Channel string `json:"channel"`          // in, out, err
	Format  string `json:"format"`           // text, binary, terminal, file
	Offset  uint64 `json:"offset,omitempty"` // file: where in it this belongs
	Payload
}

// Bytes returns the payload.
func (p Payload) Bytes() []byte {
	if p.Text != nil {
		return []byte(*p.Text)
	}
	return p.Base64
}
