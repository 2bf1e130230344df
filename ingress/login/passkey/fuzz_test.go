package passkey_test

import (
	"context"
	"time"
)

// anyUse lets a challenge serve as often as a fuzz test wants.
type anyUse struct{}

func (anyUse) Use(context.Context, string, string, time.Duration) error { return nil }
