package journal_test

import (
	"testing"
	"time"

	"sallyport/schemas/journal/journaltest"
)

// TestOnFail: whoever asked to be told of a writer's failure is told once, also when it had failed before; who was replaced, never.
func TestOnFail(t *testing.T) {
	t.Parallel()
	l := journaltest.Open(t)
	w := journaltest.Start(t, l, "orders")
	told := make(chan string, 10)
	w.OnFail(func() { told <- "replaced" })
	w.OnFail(func() { told <- "during" })
	if err := w.Lease.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	await := func(want string) {
		t.Helper()
		select {
		case got := <-told:
			if got != want || w.Err() == nil {
				t.Errorf("%q is told, of %v", got, w.Err())
			}
		case <-time.After(time.Minute):
			t.Fatalf("%s: nobody is told", want)
		}
	}
	await("during")
	w.OnFail(nil)
	w.OnFail(func() { told <- "after" })
	await("after")
	if len(told) > 0 {
		t.Errorf("%q is told, too", <-told)
	}
}
