package once_test

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sallyport/ingress/login/once"
	"sallyport/schemas/journal/journaltest"
)

func ledgers(t *testing.T, now func() time.Time) [2]*once.Ledger {
	t.Helper()
	log := journaltest.Open(t)
	var two [2]*once.Ledger
	for i := range two {
		var err error
		if two[i], err = once.New(t.Context(), once.Config{Log: log, Now: now}); err != nil {
			t.Fatal(err)
		}
	}
	return two
}

// TestOneOfManyUses has two replicas use the same at once.
func TestOneOfManyUses(t *testing.T) {
	two := ledgers(t, time.Now)
	var won atomic.Int32
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			switch err := two[i%2].Use(t.Context(), "assertion", "_id/with+odd bytes\x00", time.Minute); {
			case err == nil:
				won.Add(1)
			case !errors.Is(err, once.ErrUsed):
				t.Error(err)
			}
		})
	}
	all.Wait()
	if won.Load() != 1 {
		t.Errorf("%d of 20 used it, want one", won.Load())
	}
	if err := two[0].Use(t.Context(), "state", "_id/with+odd bytes\x00", time.Minute); err != nil {
		t.Errorf("the same name of another kind: %v", err)
	}
}

func TestOneOfManyTakes(t *testing.T) {
	two := ledgers(t, time.Now)
	if err := two[0].Add(t.Context(), "code", "c", time.Minute, map[string]string{"for": "alice"}); err != nil {
		t.Fatal(err)
	}
	var won atomic.Int32
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			var v map[string]string
			switch err := two[i%2].Take(t.Context(), "code", "c", &v); {
			case err == nil && v["for"] == "alice":
				won.Add(1)
			case !errors.Is(err, once.ErrGone):
				t.Errorf("%v %v", v, err)
			}
		})
	}
	all.Wait()
	if won.Load() != 1 {
		t.Errorf("%d of 20 took it, want one", won.Load())
	}
}

func TestItemsEnd(t *testing.T) {
	var at atomic.Int64
	two := ledgers(t, func() time.Time { return time.Unix(at.Load(), 0) })
	if err := two[0].Add(t.Context(), "code", "c", time.Minute, "alice"); err != nil {
		t.Fatal(err)
	}
	var v string
	if _, err := two[1].Get(t.Context(), "code", "c", &v); err != nil || v != "alice" {
		t.Errorf("%q, %v", v, err)
	}
	at.Store(61)
	if _, err := two[1].Get(t.Context(), "code", "c", &v); !errors.Is(err, once.ErrGone) {
		t.Errorf("after its end: %v", err)
	}
	if _, err := two[1].Get(t.Context(), "code", "never", &v); !errors.Is(err, once.ErrGone) {
		t.Errorf("what never was: %v", err)
	}
}
