package replay

import (
	"encoding/hex"

	"sallyport/schemas"
)

// person makes the event of a fact about a user of the local provider or a passkey, and reports
// whether c is one. Neither passwords' hashes nor keys are told.
func (e *event) person(c *schemas.Control) bool {
	switch k := c.GetKind().(type) {
	case *schemas.Control_UserPut:
		u := k.UserPut
		e.entity("identity", "user_changed", classApply, ocsfEntity{Type: "user", Name: u.GetName(), UID: u.GetName()})
		e.data.Unmapped = &unmapped{Principal: user(&schemas.Principal{Name: u.GetName(), Kind: schemas.PrincipalKind_PRINCIPAL_KIND_USER, Groups: u.GetGroups()})}
	case *schemas.Control_UserRemoved:
		name := k.UserRemoved.GetName()
		e.entity("identity", "user_removed", classDelete, ocsfEntity{Type: "user", Name: name, UID: name})
	case *schemas.Control_PasskeyPut:
		p := k.PasskeyPut
		what := "passkey_changed"
		if p.GetBarred() {
			what = "passkey_suspected"
			e.data.SeverityID = severityHigh
		}
		e.entity("identity", what, classApply, ocsfEntity{Type: "passkey", Name: p.GetLabel(), UID: hex.EncodeToString(p.GetId())})
		e.data.Unmapped = &unmapped{Principal: user(&schemas.Principal{Name: p.GetUser(), Kind: schemas.PrincipalKind_PRINCIPAL_KIND_USER})}
	case *schemas.Control_PasskeyRemoved:
		p := k.PasskeyRemoved
		e.entity("identity", "passkey_removed", classDelete, ocsfEntity{Type: "passkey", UID: hex.EncodeToString(p.GetId())})
		e.data.Unmapped = &unmapped{Principal: user(&schemas.Principal{Name: p.GetUser(), Kind: schemas.PrincipalKind_PRINCIPAL_KIND_USER})}
	default:
		return false
	}
	return true
}
