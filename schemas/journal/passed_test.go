package journal_test

import (
	"context"
	"errors"
	"testing"

	"sallyport/schemas/journal"
)

func TestPassed(t *testing.T) {
	var p journal.Passed
	if err := p.Await(t.Context(), 0); err != nil {
		t.Error(err)
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.Await(over, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("nothing was passed: %v", err)
	}
	done := make(chan error, 10)
	for i := range 10 {
		go func() { done <- p.Await(t.Context(), uint64(i)) }()
	}
	p.Pass(3)
	p.Pass(2) // it goes nowhere
	for n := uint64(4); n < 10; n++ {
		p.Pass(n)
	}
	for range 10 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if err := p.Await(over, 9); err != nil {
		t.Errorf("passed: %v", err)
	}
}
