// Package once keeps what passes between the steps of a sign-in: that a state, an assertion or a
// code was used, a code that waits to be redeemed, the key of a browser's refresh cookie. It is a
// bucket of the log, so that it holds for every replica and over a restart; nothing in it is a
// fact, and its items go by themselves.
package once

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"sallyport/schemas/journal"
)

// Errors.
var (
	ErrUsed = errors.New("it was used before")
	ErrGone = errors.New("there is no such thing, or it is over")
)

// Keep is how long an item stays at most. Nothing may be promised for longer.
const Keep = 25 * time.Hour

// Config is what New needs.
type Config struct {
	Log *journal.Log
	Now func() time.Time
}

// Ledger is the bucket. Its methods are safe for concurrent use.
type Ledger struct {
	bucket *journal.Bucket
	now    func() time.Time
}

// New opens the bucket.
func New(ctx context.Context, c Config) (*Ledger, error) {
	b, err := c.Log.Passing(ctx, "signin", Keep)
	if err != nil {
		return nil, err
	}
	return &Ledger{bucket: b, now: c.Now}, nil
}

// item is what is kept under a key.
type item struct {
	Until int64           `json:"until"` // nanoseconds since 1970
	Value json.RawMessage `json:"value,omitempty"`
}

// key hashes what may be secret, or of any length and alphabet.
func key(kind, name string) string {
	sum := sha256.Sum256([]byte(name))
	return kind + "." + base64.RawURLEncoding.EncodeToString(sum[:])
}

// Use marks something as used; ErrUsed: it was before. Of several callers, in whatever replica, one
// succeeds. It is remembered for as long as life, at most Keep.
func (l *Ledger) Use(ctx context.Context, kind, name string, life time.Duration) error {
	err := l.Add(ctx, kind, name, life, nil)
	if errors.Is(err, journal.ErrConflict) {
		return ErrUsed
	}
	return err
}

// Add keeps a value under a name that must be new.
func (l *Ledger) Add(ctx context.Context, kind, name string, life time.Duration, value any) error {
	data, err := l.encode(life, value)
	if err != nil {
		return err
	}
	_, err = l.bucket.Update(ctx, key(kind, name), data, 0)
	return err
}

func (l *Ledger) encode(life time.Duration, value any) ([]byte, error) {
	i := item{Until: l.now().Add(life).UnixNano()}
	var err error
	if value != nil {
		if i.Value, err = json.Marshal(value); err != nil {
			return nil, fmt.Errorf("encode item: %w", err)
		}
	}
	return json.Marshal(i)
}

// Get reads what is kept under a name into value, and returns its revision; ErrGone: nothing is.
func (l *Ledger) Get(ctx context.Context, kind, name string, value any) (revision uint64, err error) {
	kept, err := l.bucket.Get(ctx, key(kind, name))
	if errors.Is(err, journal.ErrNotFound) {
		return 0, ErrGone
	}
	if err != nil {
		return 0, err
	}
	var i item
	if err := json.Unmarshal(kept.Value, &i); err != nil {
		return 0, fmt.Errorf("decode item: %w", err)
	}
	if i.Until <= l.now().UnixNano() || len(i.Value) == 0 {
		return 0, ErrGone
	}
	if err := json.Unmarshal(i.Value, value); err != nil {
		return 0, fmt.Errorf("decode item: %w", err)
	}
	return kept.Revision, nil
}

// Set replaces what Get returned with that revision; ErrGone: somebody else was first.
func (l *Ledger) Set(ctx context.Context, kind, name string, life time.Duration, value any, revision uint64) error {
	data, err := l.encode(life, value)
	if err != nil {
		return err
	}
	_, err = l.bucket.Update(ctx, key(kind, name), data, revision)
	if errors.Is(err, journal.ErrConflict) {
		return ErrGone
	}
	return err
}

// Take reads what is kept under a name into value and removes it; of several callers one gets it.
func (l *Ledger) Take(ctx context.Context, kind, name string, value any) error {
	revision, err := l.Get(ctx, kind, name, value)
	if err != nil {
		return err
	}
	// A value that is null is gone for Get, and its key stays taken.
	return l.Set(ctx, kind, name, 0, nil, revision)
}

// Drop removes what is kept under a name, if anything is.
func (l *Ledger) Drop(ctx context.Context, kind, name string) error {
	return l.bucket.Delete(ctx, key(kind, name))
}
