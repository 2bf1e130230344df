package replay

import (
	"time"

	"sallyport/schemas"
	"sallyport/schemas/values"
)

func principalKind(k schemas.PrincipalKind) string {
	switch k {
	case schemas.PrincipalKind_PRINCIPAL_KIND_USER:
		return "user"
	case schemas.PrincipalKind_PRINCIPAL_KIND_AGENT:
		return "agent"
	}
	return ""
}

func commandKind(k schemas.CommandKind) string {
	switch k {
	case schemas.CommandKind_COMMAND_KIND_QUERY:
		return "query"
	case schemas.CommandKind_COMMAND_KIND_PREPARE:
		return "prepare"
	case schemas.CommandKind_COMMAND_KIND_EXECUTE:
		return "execute"
	case schemas.CommandKind_COMMAND_KIND_EXEC:
		return "exec"
	case schemas.CommandKind_COMMAND_KIND_SHELL:
		return "shell"
	case schemas.CommandKind_COMMAND_KIND_LINE:
		return "line"
	case schemas.CommandKind_COMMAND_KIND_SUBSYSTEM:
		return "subsystem"
	case schemas.CommandKind_COMMAND_KIND_FILE:
		return "file"
	case schemas.CommandKind_COMMAND_KIND_FORWARD:
		return "forward"
	}
	return ""
}

func outcome(o schemas.Outcome) string {
	switch o {
	case schemas.Outcome_OUTCOME_ALLOW:
		return "allow"
	case schemas.Outcome_OUTCOME_DENY:
		return "deny"
	case schemas.Outcome_OUTCOME_HOLD:
		return "hold"
	}
	return ""
}

func channel(c schemas.Channel) string {
	switch c {
	case schemas.Channel_CHANNEL_IN:
		return "in"
	case schemas.Channel_CHANNEL_OUT:
		return "out"
	case schemas.Channel_CHANNEL_ERR:
		return "err"
	}
	return ""
}

// list makes JSON say [] and not null.
func list[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

func labels(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}

func opened(o *schemas.Opened) *Opened {
	p := o.GetPrincipal()
	return &Opened{
		Principal: p.GetName(), PrincipalKind: principalKind(p.GetKind()), Groups: list(p.GetGroups()), TokenID: p.GetTokenId(),
		Run: o.GetRun().GetId(), RunAgent: o.GetRun().GetAgent(), PromptDigest: o.GetRun().GetPromptDigest(),
		Target: o.GetTarget(), TargetLabels: labels(o.GetTargetLabels()), Protocol: o.GetProtocol(), Database: o.GetDatabase(),
		ClientAddress: o.GetClientAddress(), ClientName: o.GetClientName(), Gateway: o.GetGateway(),
		UpstreamUser: o.GetUpstreamUser(), TLS: o.GetTls(),
		RunParent: o.GetRun().GetParent(), RunModel: o.GetRun().GetModel(), Traceparent: o.GetTraceparent(),
	}
}

func command(c *schemas.Command) *Command {
	out := &Command{
		Kind: commandKind(c.GetKind()), Text: c.GetText(), TextSize: c.GetTextSize(), TextFirst: c.GetTextFirst(),
		Digest: digest(c.GetDigest()), Statement: c.GetStatement(), Portal: c.GetPortal(),
		Parameters: []Parameter{}, ParametersFirst: c.GetParametersFirst(), SQL: sql(c.GetSql()),
		Exec: exec(c.GetExec()), Operation: operation(c.GetOperation()), Forward: forward(c.GetForward()), Parent: c.GetParent(), Attributes: c.GetAttributes(),
	}
	for _, v := range c.GetParameters() {
		out.Parameters = append(out.Parameters, parameter(v))
	}
	return out
}

// parameter renders a value; a binary one that is cut short is shown as the bytes there are.
func parameter(v *schemas.Value) Parameter {
	p := Parameter{Null: v.GetNull(), Binary: v.GetBinary(), Type: v.GetType(), Size: v.GetSize(), Marker: v.GetMarker()}
	if !p.Null && p.Marker == "" {
		s := values.Text(p.Type, p.Binary, v.GetData())
		p.Text = &s
	}
	return p
}

func sql(f *schemas.SqlFacts) *SQL {
	if f == nil {
		return nil
	}
	return &SQL{
		Kinds: list(f.GetKinds()), Reads: list(f.GetReads()), Writes: list(f.GetWrites()), Columns: list(f.GetColumns()),
		Functions: list(f.GetFunctions()), Statements: f.GetStatements(), UnfilteredWrite: f.GetUnfilteredWrite(),
		Opaque: f.GetOpaque(), Unparsed: f.GetUnparsed(), ParseError: f.GetParseError(),
	}
}

func verdict(v *schemas.Verdict) *Verdict {
	out := &Verdict{Command: v.GetCommand(), Outcome: outcome(v.GetOutcome()), Reasons: []Reason{}, Revision: v.GetRevision(), Reused: v.GetReused(), Masks: list(v.GetMasks())}
	for _, r := range v.GetReasons() {
		out.Reasons = append(out.Reasons, Reason{Policy: r.GetPolicy(), Message: r.GetMessage()})
	}
	return out
}

func decided(d *schemas.Decided) *Decided {
	return &Decided{Command: d.GetCommand(), Approval: d.GetApproval(), Decision: d.GetDecision(), By: list(d.GetBy()), Reason: d.GetReason()}
}

func milliseconds(nanoseconds int64) float64 {
	return float64(nanoseconds) / float64(time.Millisecond)
}

func result(r *schemas.Result) *Result {
	return &Result{
		Command: r.GetCommand(), Tag: r.GetTag(), Rows: r.GetRows(), Bytes: r.GetBytes(), BytesIn: r.GetBytesIn(),
		DurationMS: milliseconds(r.GetDuration()), Refused: r.GetRefused(), Suspended: r.GetSuspended(), Error: failure(r.GetError()),
	}
}

func failure(f *schemas.Failure) *Failure {
	if f == nil {
		return nil
	}
	return &Failure{Severity: f.GetSeverity(), Code: f.GetCode(), Message: f.GetMessage(), Detail: f.GetDetail(), Hint: f.GetHint()}
}

func notice(n *schemas.Notice) *Notice {
	return &Notice{Command: n.GetCommand(), Kind: n.GetKind(), Body: failure(n.GetBody()), Channel: n.GetChannel(), Payload: n.GetPayload()}
}

func closed(c *schemas.Closed) *Closed {
	return &Closed{Reason: c.GetReason(), Message: c.GetMessage(), By: c.GetBy(), Commands: c.GetCommands(), Rows: c.GetRows(), BytesIn: c.GetBytesIn(), BytesOut: c.GetBytesOut()}
}

func lost(l *schemas.Lost) *Lost {
	out := &Lost{Ranges: []Range{}}
	for _, r := range l.GetRanges() {
		out.Ranges = append(out.Ranges, Range{First: r.GetFirst(), Last: r.GetLast()})
	}
	return out
}

func columns(c *schemas.Columns) *Columns {
	out := &Columns{Command: c.GetCommand(), Columns: []Column{}}
	for _, col := range c.GetColumns() {
		name := col.GetTypeName()
		if name == "" {
			name = values.TypeName(col.GetType())
		}
		out.Columns = append(out.Columns, Column{Name: col.GetName(), Type: name, Masked: col.GetMasked(), Binary: col.GetBinary()})
	}
	return out
}
