package replay

import "sallyport/schemas"

// Exec is what the enforcer made of a shell's command line.
type Exec struct {
	Commands    []ExecCommand `json:"commands"`
	Opaque      bool          `json:"opaque"`
	Unparsed    bool          `json:"unparsed"`
	Interactive bool          `json:"interactive,omitempty"`
	ParseError  string        `json:"parse_error,omitempty"`
	Reads       []string      `json:"reads"`
	Writes      []string      `json:"writes"`
}

// ExecCommand is one simple command of it. A word that is not known is "" and among Unknown.
type ExecCommand struct {
	Program    string   `json:"program"`
	Argv       []string `json:"argv"`
	Unknown    []uint32 `json:"unknown,omitempty"`
	Background bool     `json:"background,omitempty"`
	Piped      bool     `json:"piped,omitempty"`
}

func exec(f *schemas.ExecFacts) *Exec {
	if f == nil {
		return nil
	}
	out := &Exec{Commands: []ExecCommand{}, Opaque: f.GetOpaque(), Unparsed: f.GetUnparsed(), Interactive: f.GetInteractive(), ParseError: f.GetParseError(), Reads: list(f.GetReads()), Writes: list(f.GetWrites())}
	for _, c := range f.GetCommands() {
		out.Commands = append(out.Commands, ExecCommand{Program: c.GetProgram(), Argv: list(c.GetArgv()), Unknown: c.GetUnknown(), Background: c.GetBackground(), Piped: c.GetPiped()})
	}
	return out
}

// Operation is what is asked of a file.
type Operation struct {
	Operation string `json:"operation"`
	Path      string `json:"path"`
	To        string `json:"to,omitempty"`
	Reads     bool   `json:"reads,omitempty"`
	Writes    bool   `json:"writes,omitempty"`
	Detail    string `json:"detail,omitempty"`
}

func operation(o *schemas.FileOperation) *Operation {
	if o == nil {
		return nil
	}
	return &Operation{Operation: o.GetOperation(), Path: o.GetPath(), To: o.GetTo(), Reads: o.GetReads(), Writes: o.GetWrites(), Detail: o.GetDetail()}
}

// Forward is a connection through the target.
type Forward struct {
	Direction string `json:"direction"` // local, remote
	Host      string `json:"host"`
	Port      uint32 `json:"port"`
	Origin    string `json:"origin,omitempty"`
}

func forward(f *schemas.Forward) *Forward {
	if f == nil {
		return nil
	}
	return &Forward{Direction: f.GetDirection(), Host: f.GetHost(), Port: f.GetPort(), Origin: f.GetOrigin()}
}

// Terminal is the size of a command's terminal, from here on.
type Terminal struct {
	Command uint64 `json:"command"`
	Type    string `json:"type"` // at the start only
	Columns uint32 `json:"columns"`
	Rows    uint32 `json:"rows"`
}

func terminal(t *schemas.Terminal) *Terminal {
	return &Terminal{Command: t.GetCommand(), Type: t.GetType(), Columns: t.GetColumns(), Rows: t.GetRows()}
}

// Observed is a command line that was seen to be typed in a shell.
type Observed struct {
	Command    uint64 `json:"command"`
	Text       string `json:"text"`
	Source     string `json:"source"` // marks, screen
	Ended      bool   `json:"ended"`
	ExitStatus int32  `json:"exit_status"`
	Exec       *Exec  `json:"exec,omitempty"`
}

func observed(o *schemas.Observed) *Observed {
	return &Observed{Command: o.GetCommand(), Text: o.GetText(), Source: o.GetSource(), Ended: o.GetEnded(), ExitStatus: o.GetExitStatus(), Exec: exec(o.GetExec())}
}

// File is a file that went by.
type File struct {
	Command   uint64 `json:"command"`
	Path      string `json:"path"`
	BytesIn   uint64 `json:"bytes_in"`
	BytesOut  uint64 `json:"bytes_out"`
	DigestIn  string `json:"digest_in"`
	DigestOut string `json:"digest_out"`
	Kept      bool   `json:"kept"`
	Masked    bool   `json:"masked"` // what is kept is the masked form; digests are of what was moved
}

func file(f *schemas.File) *File {
	return &File{Command: f.GetCommand(), Path: f.GetPath(), BytesIn: f.GetBytesIn(), BytesOut: f.GetBytesOut(), DigestIn: digest(f.GetDigestIn()), DigestOut: digest(f.GetDigestOut()), Kept: f.GetKept(), Masked: f.GetMasked()}
}

// Moved is how much went through an open session, in all.
type Moved struct {
	BytesIn  uint64 `json:"bytes_in"`
	BytesOut uint64 `json:"bytes_out"`
}

// Masked says what masks did to the result of a command.
type Masked struct {
	Command uint64      `json:"command"`
	Counts  []MaskCount `json:"counts"`
}

// MaskCount is how many values one mask changed in one place.
type MaskCount struct {
	Mask     string `json:"mask"`
	Column   string `json:"column"`
	Detector string `json:"detector"`
	Count    uint64 `json:"count"`
	Revealed bool   `json:"revealed"` // the client saw them
}

func masked(m *schemas.Masked) *Masked {
	return &Masked{Command: m.GetCommand(), Counts: maskCounts(m.GetCounts())}
}

func maskCounts(counts []*schemas.MaskCount) []MaskCount {
	out := []MaskCount{}
	for _, c := range counts {
		out = append(out, MaskCount{Mask: c.GetMask(), Column: c.GetColumn(), Detector: c.GetDetector(), Count: c.GetCount(), Revealed: c.GetRevealed()})
	}
	return out
}
