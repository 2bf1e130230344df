package passkey

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"sallyport/ingress/credential"
	"sallyport/ingress/login/once"
	"sallyport/schemas"
)

// purpose is what a challenge is for.
type purpose string

const (
	forEnrolment purpose = "enrol"
	forProof     purpose = "prove"
	forEntrance  purpose = "enter"
)

// kindChallenge is what used challenges are kept as.
const kindChallenge = "passkey"

// ceremony is what a browser keeps, sealed, of what it was asked.
type ceremony struct {
	For       purpose         `json:"for"`
	User      string          `json:"user,omitempty"`
	Session   schemas.TokenID `json:"session,omitempty"`
	Handle    []byte          `json:"handle,omitempty"`
	Challenge string          `json:"challenge"`
	Until     int64           `json:"until"` // nanoseconds since 1970
}

func (k *Keys) seal(c ceremony) (string, error) {
	c.Until = k.c.Now().Add(k.c.Life).UnixNano()
	plain, err := json.Marshal(c)
	if err != nil {
		return "", fmt.Errorf("encode a ceremony: %w", err)
	}
	return k.sealer.Seal(credential.NewSecret(string(plain))), nil
}

// errOver says no more than that: what a browser brings was never begun, is for another or is late.
func errOver() error {
	return &schemas.Error{Code: schemas.CodeForbidden, Message: "this was not begun in this browser, took too long, or was done before", Hint: "begin again"}
}

// take opens the ceremony that a browser brings, which must be for that purpose and that person at that session,
// and uses it up: whatever the answer is worth, there is no second one.
func (k *Keys) take(ctx context.Context, state string, what purpose, who Holder) (*ceremony, error) {
	plain, err := k.sealer.Open(state)
	if err != nil {
		return nil, errOver()
	}
	c := new(ceremony)
	if err := json.Unmarshal([]byte(plain.Reveal()), c); err != nil {
		return nil, fmt.Errorf("decode a ceremony: %w", err)
	}
	left := time.Duration(c.Until - k.c.Now().UnixNano())
	if c.For != what || c.User != who.User || c.Session != who.Session || left <= 0 {
		return nil, errOver()
	}
	// Kept for longer than it holds: replicas' clocks differ.
	switch err := k.c.Spent.Use(ctx, kindChallenge, c.Challenge, k.c.Life+left); {
	case errors.Is(err, once.ErrUsed):
		return nil, errOver()
	case err != nil:
		return nil, &schemas.Error{Code: schemas.CodeUnavailable, Message: "the log does not take writes, so nothing was done", Hint: "try again", Err: err}
	}
	return c, nil
}
