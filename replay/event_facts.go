package replay

import (
	"cmp"
	"fmt"
	"time"

	"sallyport/schemas"
	"sallyport/schemas/journal"
)

// told is what events of a session tell besides their own fact.
type told struct {
	id       schemas.SessionID
	opened   *schemas.Opened
	at       time.Time
	commands map[uint64]*schemas.Command // without a result yet
	observed []observedLine              // the last ones
}

func newTold(id schemas.SessionID) *told {
	return &told{id: id, opened: &schemas.Opened{}, commands: map[uint64]*schemas.Command{}}
}

// fold takes a fact in and returns the event that it is, if it is one. Entries come in order; the
// events of an entry depend on the entries before it and on nothing else.
func (t *told) fold(l journal.Located) *event {
	number := l.Entry.GetNumber()
	switch k := l.Entry.GetKind().(type) {
	case *schemas.Entry_Opened:
		t.opened, t.at = k.Opened, at(l)
		return t.openedEvent(t.event(l, "session", "opened", classAssign))
	case *schemas.Entry_Command:
		t.commands[number] = k.Command
	case *schemas.Entry_Verdict:
		if e, observed := t.alert(l, k.Verdict); observed {
			return e
		}
		return t.verdictEvent(l, k.Verdict)
	case *schemas.Entry_Observed:
		return t.observedEvent(l, k.Observed)
	case *schemas.Entry_File:
		return t.transferred(l, k.File)
	case *schemas.Entry_Result:
		e := t.resultEvent(t.event(l, "command", "finished", classOf(t.commands[k.Result.GetCommand()])), k.Result)
		delete(t.commands, k.Result.GetCommand())
		return e
	case *schemas.Entry_Closed:
		return t.closedEvent(t.event(l, "session", "closed", classLogoff), k.Closed)
	}
	return nil
}

func (t *told) event(l journal.Located, area, what string, c class) *event {
	o := t.opened
	e := &event{
		id:   fmt.Sprintf("%s.%d", t.id, l.Entry.GetNumber()),
		area: area, what: what, protocol: o.GetProtocol(), target: o.GetTarget(), about: string(t.id),
		at: at(l), log: schemas.Facts, class: c,
	}
	e.data.Metadata.CorrelationUID = string(t.id)
	e.data.SrcEndpoint = endpoint(o.GetClientAddress())
	e.data.DstEndpoint = &ocsfEndpoint{Name: known(o.GetTarget()), SvcName: o.GetProtocol()}
	e.data.Unmapped = &unmapped{Protocol: o.GetProtocol(), TargetLabels: o.GetTargetLabels(), UpstreamUser: o.GetUpstreamUser(), Run: o.GetRun().GetId()}
	return e
}

func (t *told) session() *ocsfSession {
	s := &ocsfSession{UID: string(t.id)}
	if !t.at.IsZero() {
		s.CreatedTime = t.at.UnixMilli()
	}
	return s
}

func (t *told) openedEvent(e *event) *event {
	o, d := t.opened, &e.data
	d.StatusID, d.User, d.Session, d.Privileges = success, user(o.GetPrincipal()), t.session(), []string{"connect"}
	d.Message = fmt.Sprintf("%s connected to %s", o.GetPrincipal().GetName(), o.GetTarget())
	tls := o.GetTls()
	d.Unmapped.TLS = &tls
	d.Unmapped.RunAgent, d.Unmapped.PromptDigest = o.GetRun().GetAgent(), o.GetRun().GetPromptDigest()
	d.Unmapped.RunParent, d.Unmapped.RunModel, d.Unmapped.Traceparent = o.GetRun().GetParent(), o.GetRun().GetModel(), o.GetTraceparent()
	return e
}

func (t *told) closedEvent(e *event, c *schemas.Closed) *event {
	o, d := t.opened, &e.data
	d.StatusID, d.StatusCode, d.StatusDetail = success, c.GetReason(), c.GetMessage()
	d.User, d.Session, d.Service = user(o.GetPrincipal()), t.session(), &ocsfEntity{Name: known(o.GetTarget())}
	d.Message = fmt.Sprintf("%s left %s: %s", o.GetPrincipal().GetName(), o.GetTarget(), c.GetReason())
	if !t.at.IsZero() {
		d.Duration = max(0, e.at.Sub(t.at).Milliseconds())
	}
	commands, rows, in, out := c.GetCommands(), c.GetRows(), c.GetBytesIn(), c.GetBytesOut()
	d.Unmapped.Commands, d.Unmapped.Rows, d.Unmapped.BytesIn, d.Unmapped.BytesOut = &commands, &rows, &in, &out
	d.Unmapped.By = c.GetBy()
	switch c.GetReason() {
	case "killed", "gateway_lost", "error":
		d.SeverityID = low
	}
	return e
}

// about fills in what is told of a command.
func (t *told) about(e *event, number uint64) *schemas.Command {
	o, d, c := t.opened, &e.data, t.commands[number]
	d.Actor = &ocsfActor{User: user(o.GetPrincipal()), Session: t.session(), AppName: o.GetClientName()}
	d.Unmapped.Command, d.Unmapped.CommandKind, d.Unmapped.CommandDigest = number, commandKind(c.GetKind()), digest(c.GetDigest())
	d.Unmapped.TextSize = c.GetTextSize()
	if e.class != classDatabase {
		t.aboutShell(e, c)
		return c
	}
	d.Database = &ocsfEntity{Name: cmp.Or(o.GetDatabase(), known(o.GetTarget())), Type: o.GetProtocol()}
	d.TypeID = datastoreDatabase
	d.QueryInfo = &ocsfQuery{UID: fmt.Sprintf("%s.%d", t.id, number), DatastoreQuery: c.GetText()}
	if c.GetSql().GetUnparsed() { // nobody could look for secrets in it
		d.QueryInfo.DatastoreQuery = ""
	}
	d.Unmapped.SQL, d.Unmapped.Attributes = sql(c.GetSql()), c.GetAttributes()
	return c
}

func (t *told) verdictEvent(l journal.Located, v *schemas.Verdict) *event {
	what, action, disposition, severity, status := "allowed", actionAllowed, dispositionAllowed, informational, success
	switch v.GetOutcome() {
	case schemas.Outcome_OUTCOME_ALLOW:
	case schemas.Outcome_OUTCOME_HOLD:
		what, action, disposition, severity, status = "held", actionUnknown, dispositionDelayed, low, 0
	default: // what is not known was not allowed
		what, action, disposition, severity, status = "denied", actionDenied, dispositionBlocked, medium, failed
	}
	e := t.event(l, "command", what, classOf(t.commands[v.GetCommand()]))
	d := &e.data
	t.about(e, v.GetCommand())
	d.Metadata.Profiles = []string{"security_control"}
	d.ActionID, d.DispositionID, d.SeverityID, d.StatusID = &action, disposition, severity, status
	said := verdict(v)
	d.Unmapped.Reasons, d.Unmapped.Masks, d.Unmapped.Revision = said.Reasons, said.Masks, said.Revision
	if len(said.Reasons) > 0 {
		d.Policy = &ocsfEntity{Name: known(said.Reasons[0].Policy)}
		d.StatusDetail = said.Reasons[0].Message
	}
	d.Message = fmt.Sprintf("a command of %s on %s was %s", t.opened.GetPrincipal().GetName(), t.opened.GetTarget(), what)
	return e
}

func (t *told) resultEvent(e *event, r *schemas.Result) *event {
	d := &e.data
	t.about(e, r.GetCommand())
	d.StatusID, d.Duration = success, r.GetDuration()/int64(time.Millisecond)
	if d.QueryInfo != nil {
		d.QueryInfo.BytesOut = r.GetBytes()
	}
	rows, in, out, refused, suspended := r.GetRows(), r.GetBytesIn(), r.GetBytes(), r.GetRefused(), r.GetSuspended()
	d.Unmapped.Tag, d.Unmapped.Rows, d.Unmapped.BytesIn, d.Unmapped.BytesOut = r.GetTag(), &rows, &in, &out
	d.Unmapped.Refused, d.Unmapped.Suspended = &refused, &suspended
	if f := r.GetError(); f != nil {
		d.StatusID, d.StatusCode, d.StatusDetail, d.Unmapped.Error = failed, f.GetCode(), f.GetMessage(), failure(f)
	}
	return e
}
