package journaltest

import (
	"context"
	"testing"
	"time"

	"sallyport/schemas/journal"
)

// Run runs the suite that a log passes however it is run. open returns a fresh log that is closed
// when its test ends.
func Run(t *testing.T, open func(t testing.TB) *journal.Log) {
	for name, test := range map[string]func(*suite){
		"session reads back":            (*suite).sessionReadsBack,
		"commits from many goroutines":  (*suite).commitsFromMany,
		"large entries":                 (*suite).largeEntries,
		"closed writer":                 (*suite).closedWriter,
		"abandoned commit":              (*suite).abandonedCommit,
		"follow until closed":           (*suite).followUntilClosed,
		"read from the middle":          (*suite).readFromTheMiddle,
		"consume history, then live":    (*suite).consumeHistoryThenLive,
		"consume in groups":             (*suite).consumeInGroups,
		"consume slowly":                (*suite).consumeSlowly,
		"control and events conditions": (*suite).conditions,
		"ask and answer":                (*suite).askAndAnswer,
		"ask and nobody answers":        (*suite).askInVain,
		"bucket":                        (*suite).bucket,
		"bucket watch":                  (*suite).bucketWatch,
		"bucket list under writes":      (*suite).bucketMoves,
		"lease":                         (*suite).lease,
		"reap":                          (*suite).reap,
		"reap with losses":              (*suite).reapWithLosses,
		"reap spares the living":        (*suite).reapSparesTheLiving,
		"reapers together":              (*suite).reapersTogether,
		"close ends everything":         (*suite).closeEndsEverything,
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			l := open(t)
			test(&suite{T: t, log: l, ctx: ctx})
		})
	}
}

// suite is one test of the suite.
type suite struct {
	*testing.T
	log *journal.Log
	ctx context.Context //nolint:containedctx // it lives as long as one test
}

// must fails the test on an error.
func (s *suite) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// until waits until condition holds.
func (s *suite) until(what string, condition func() bool) {
	s.Helper()
	for !condition() {
		select {
		case <-s.ctx.Done():
			s.Fatalf("waited in vain until %s", what)
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// reaping runs the reaper until the test or stop ends it.
func (s *suite) reaping() (stop func()) {
	ctx, cancel := context.WithCancel(s.ctx)
	done := make(chan error, 1)
	go func() { done <- s.log.Reap(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			s.Errorf("reap: %v", err)
		}
	}
}
