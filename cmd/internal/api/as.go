package api

import (
	"context"
	"slices"

	"sallyport/schemas"
)

// As returns a context whose requests come from a person who pressed a button elsewhere, and is known
// by name: as the holder of the sign-in that lasts longest. Who has none cannot act here, and neither
// anywhere else.
func As(ctx context.Context, tokens []*schemas.TokenCreated) (context.Context, error) {
	var best *schemas.TokenCreated
	for _, t := range tokens {
		signsIn := len(t.Protocols) == 0 || slices.Contains(t.Protocols, protocolWeb) || slices.Contains(t.Protocols, protocolAPI)
		if signsIn && t.GetPrincipal().GetKind() == schemas.PrincipalKind_PRINCIPAL_KIND_USER && t.Run == nil && (best == nil || t.Expires > best.Expires) {
			best = t
		}
	}
	if best == nil {
		return nil, &schemas.Error{Code: schemas.CodeUnauthenticated, Message: "you are not signed in to Sallyport", Hint: "sign in there, and press again"}
	}
	return context.WithValue(ctx, identityKey{}, &Identity{Principal: best.Principal, Targets: best.Targets, Token: best}), nil
}
