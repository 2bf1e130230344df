package replay

import (
	"time"

	"sallyport/schemas"
)

// grant makes the event of a fact about access for a time.
func (e *event) grant(c *schemas.Control) {
	switch k := c.GetKind().(type) {
	case *schemas.Control_GrantMade:
		a := k.GrantMade.GetGrant()
		from, until := time.Unix(0, a.GetFrom()).UTC(), time.Unix(0, a.GetUntil()).UTC()
		e.access("granted", classCreate, k.GrantMade.GetId(), a.GetTarget(), k.GrantMade.GetPrincipal())
		u := e.data.Unmapped
		u.From, u.Expires, u.Role, u.DecidedBy = &from, &until, a.GetRole(), k.GrantMade.GetBy()
		u.Run, u.RunAgent = k.GrantMade.GetRun().GetId(), k.GrantMade.GetRun().GetAgent()
		e.data.Comment, e.data.SeverityID = k.GrantMade.GetReason(), low
	case *schemas.Control_GrantRevoked:
		e.access("revoked", classDelete, k.GrantRevoked.GetId(), k.GrantRevoked.GetTarget(), k.GrantRevoked.GetPrincipal())
		e.data.Comment, e.data.SeverityID = k.GrantRevoked.GetReason(), low
	case *schemas.Control_GrantEnded:
		e.access("ended", classDelete, k.GrantEnded.GetId(), k.GrantEnded.GetTarget(), k.GrantEnded.GetPrincipal())
	}
}

func (e *event) access(what string, c class, id, target string, p *schemas.Principal) {
	e.entity("access", what, c, ocsfEntity{Type: "grant", UID: id, Name: target})
	e.target = target
	e.data.Unmapped = &unmapped{Principal: user(p)}
}
