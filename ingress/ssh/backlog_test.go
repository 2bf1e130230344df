package ssh_test

import (
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sallyport/ingress/ssh"
)

func TestABacklogIsServedInOrderAndBounded(t *testing.T) {
	var served []int
	gate := make(chan struct{})
	b := ssh.NewBacklog(2, func(n int) {
		<-gate
		served = append(served, n)
	})
	b.Wait() // nothing is there
	for n, want := range []bool{true, true, false} {
		if before, ok := b.Add(n); ok != want || before != n {
			t.Errorf("the one after %d others is taken: %v", before, ok)
		}
	}
	var more sync.WaitGroup
	more.Go(func() { b.Put(2) }) // waits for room
	gate <- struct{}{}
	more.Wait()
	if _, ok := b.Add(3); ok {
		t.Error("a third is taken")
	}
	close(gate)
	b.Wait()
	if d := cmp.Diff([]int{0, 1, 2}, served); d != "" {
		t.Error(d)
	}
	if before, ok := b.Add(4); !ok || before != 0 {
		t.Errorf("after a rest, one more is taken: %v, after %d", ok, before)
	}
	b.Wait()
	if d := cmp.Diff([]int{0, 1, 2, 4}, served); d != "" {
		t.Error(d)
	}
}
