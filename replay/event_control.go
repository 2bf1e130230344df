package replay

import (
	"crypto/sha256"
	"fmt"
	"strings"

	"sallyport/schemas"
)

// controlEvent returns the event that a control fact is, if it is one. opened finds how a session
// began: what is said about a session names its target by it.
func controlEvent(sequence uint64, c *schemas.Control, opened func(session string) (*schemas.Opened, error)) (*event, error) {
	e := &event{id: fmt.Sprintf("control.%d", sequence), at: nanos(c.GetAt()), log: schemas.Controls}
	e.data.StatusID = success
	by := &ocsfActor{User: &ocsfUser{Name: known(c.GetBy()), TypeID: typeUser}}
	switch k := c.GetKind().(type) {
	case *schemas.Control_SignIn:
		e.signIn(k.SignIn)
		return e, nil
	case *schemas.Control_ResourceApplied:
		r := k.ResourceApplied
		e.entity("resource", "applied", classApply, ocsfEntity{Type: strings.ToLower(r.GetKind()), Name: r.GetName(), UID: r.GetKind() + "/" + r.GetName()})
		e.data.Unmapped = &unmapped{DocumentDigest: fmt.Sprintf("%x", sha256.Sum256(r.GetDocument()))}
	case *schemas.Control_ResourceDeleted:
		r := k.ResourceDeleted
		e.entity("resource", "deleted", classDelete, ocsfEntity{Type: strings.ToLower(r.GetKind()), Name: r.GetName(), UID: r.GetKind() + "/" + r.GetName()})
	case *schemas.Control_TokenCreated:
		e.tokenCreated(k.TokenCreated)
	case *schemas.Control_TokenRevoked:
		e.entity("identity", "token_revoked", classDelete, ocsfEntity{Type: "token", UID: k.TokenRevoked.GetId()})
	case *schemas.Control_RunOpened:
		r := k.RunOpened.GetRun()
		e.entity("run", "opened", classCreate, ocsfEntity{Type: "run", UID: r.GetId()})
		e.data.Unmapped = &unmapped{
			RunAgent: r.GetAgent(), PromptDigest: r.GetPromptDigest(), RunParent: r.GetParent(), RunModel: r.GetModel(),
			Traceparent: k.RunOpened.GetTraceparent(), Attributes: k.RunOpened.GetAttributes(),
		}
	case *schemas.Control_Viewed:
		e.entity("session", "viewed", classRead, ocsfEntity{Type: "recording", UID: k.Viewed.GetSession()})
		e.data.Unmapped = &unmapped{How: k.Viewed.GetHow(), Command: k.Viewed.GetCommand()}
		e.data.Comment = k.Viewed.GetReason()
		if err := e.of(k.Viewed.GetSession(), opened); err != nil {
			return nil, err
		}
	case *schemas.Control_GrantMade, *schemas.Control_GrantRevoked, *schemas.Control_GrantEnded:
		e.grant(c)
	case *schemas.Control_Killed:
		e.entity("session", "kill_requested", classKill, ocsfEntity{Type: "session", UID: k.Killed.GetSession()})
		e.data.SeverityID, e.data.Comment = low, k.Killed.GetReason()
		if err := e.of(k.Killed.GetSession(), opened); err != nil {
			return nil, err
		}
	case *schemas.Control_Steered:
		what := map[string]string{"message": "message_sent", "pause": "paused", "resume": "resumed"}[k.Steered.GetAction()]
		if what == "" {
			return nil, nil
		}
		e.entity("session", what, classSteer(k.Steered.GetAction()), ocsfEntity{Type: "session", UID: k.Steered.GetSession()})
		e.data.SeverityID, e.data.Comment = low, k.Steered.GetMessage()
		if err := e.of(k.Steered.GetSession(), opened); err != nil {
			return nil, err
		}
	case *schemas.Control_Annotated:
		e.entity("session", "annotated", classCreate, ocsfEntity{Type: "annotation", UID: k.Annotated.GetSession(), Name: k.Annotated.GetId()})
		e.data.Comment = k.Annotated.GetText()
		if err := e.of(k.Annotated.GetSession(), opened); err != nil {
			return nil, err
		}
	case *schemas.Control_AnnotationRemoved:
		e.entity("session", "annotation_removed", classDelete, ocsfEntity{Type: "annotation", UID: k.AnnotationRemoved.GetSession(), Name: k.AnnotationRemoved.GetId()})
		if err := e.of(k.AnnotationRemoved.GetSession(), opened); err != nil {
			return nil, err
		}
	default:
		if !e.person(c) {
			return nil, nil
		}
	}
	e.data.Actor = by
	e.data.Message = fmt.Sprintf("%s: %s %s %s", c.GetBy(), e.class.activityName, e.data.Entity.Type, e.about)
	return e, nil
}

func (e *event) entity(area, what string, c class, of ocsfEntity) {
	e.area, e.what, e.class, e.about, e.data.Entity = area, what, c, known(of.UID), &of
}

// of says which target a session is on; a session that is not on the log has none.
func (e *event) of(session string, opened func(string) (*schemas.Opened, error)) error {
	e.data.Metadata.CorrelationUID = session
	o, err := opened(session)
	e.protocol, e.target = o.GetProtocol(), o.GetTarget()
	return err
}

func (e *event) tokenCreated(t *schemas.TokenCreated) {
	e.entity("identity", "token_created", classCreate, ocsfEntity{Type: "token", UID: t.GetId(), Name: t.GetPrincipal().GetName()})
	e.data.Unmapped = &unmapped{Principal: user(t.GetPrincipal()), Run: t.GetRun().GetId(), Targets: t.GetTargets(), Protocols: t.GetProtocols(), Provider: t.GetProvider(), Method: t.GetMethod()}
	if t.GetExpires() != 0 {
		expires := nanos(t.GetExpires())
		e.data.Unmapped.Expires = &expires
	}
}

func (e *event) signIn(s *schemas.SignIn) {
	e.area, e.what, e.class = "identity", "signed_in", classLogon
	e.protocol, e.target, e.about = s.GetProtocol(), s.GetTarget(), known(s.GetPrincipal().GetName())
	d, word := &e.data, "signed in"
	if !s.GetSucceeded() {
		e.what, word = "sign_in_failed", "failed to sign in"
		d.StatusID, d.SeverityID, d.StatusDetail = failed, medium, s.GetReason()
	}
	d.User, d.SrcEndpoint, d.Service = user(s.GetPrincipal()), endpoint(s.GetAddress()), &ocsfEntity{Name: "sallyport"}
	d.Message = fmt.Sprintf("%s %s", s.GetPrincipal().GetName(), word)
	d.Unmapped = &unmapped{Protocol: s.GetProtocol(), Provider: s.GetProvider(), Method: s.GetMethod()}
	if s.GetTarget() != "" {
		d.DstEndpoint = &ocsfEndpoint{Name: s.GetTarget(), SvcName: s.GetProtocol()}
	}
}
