package journaltest

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"sallyport/schemas/journal"
)

func (s *suite) askAndAnswer() {
	var counts [2]atomic.Int32
	for i := range counts {
		stop, err := s.log.Answer(s.ctx, "sallyport.ask.verdict.test", "enforcer", func(_ context.Context, request []byte) ([]byte, error) {
			counts[i].Add(1)
			return append([]byte("re: "), request...), nil
		})
		s.must(err)
		defer stop()
	}
	var all sync.WaitGroup
	for i := range 40 {
		all.Go(func() {
			size := 100
			if i%10 == 0 {
				size = 700<<10 + i // in pieces, both ways
			}
			request := bytes.Repeat([]byte{byte(i)}, size)
			answer, err := s.log.Ask(s.ctx, "sallyport.ask.verdict.test", request)
			if err != nil || !bytes.Equal(answer, append([]byte("re: "), request...)) {
				s.Errorf("ask of %d bytes: %d bytes, %v", len(request), len(answer), err)
			}
		})
	}
	all.Wait()
	if n := counts[0].Load() + counts[1].Load(); n != 40 {
		s.Errorf("40 asks, %d answers", n)
	}
	answer, err := s.log.Ask(s.ctx, "sallyport.ask.verdict.test", nil)
	s.must(err)
	if string(answer) != "re: " {
		s.Errorf("an empty request is answered %q", answer)
	}
}

func (s *suite) askInVain() {
	if _, err := s.log.Ask(s.ctx, "sallyport.ask.access", []byte("x")); !errors.Is(err, journal.ErrNoAnswer) {
		s.Errorf("nobody listens: %v", err)
	}
	for _, size := range []int{10, 600 << 10} {
		stop, err := s.log.Answer(s.ctx, "sallyport.ask.access", "", func(context.Context, []byte) ([]byte, error) {
			return nil, errors.New("cannot\r\njudge")
		})
		s.must(err)
		_, err = s.log.Ask(s.ctx, "sallyport.ask.access", make([]byte, size))
		if !errors.Is(err, journal.ErrNoAnswer) || !strings.Contains(err.Error(), "cannot  judge") {
			s.Errorf("the handler fails: %v", err)
		}
		stop()
	}
	if _, err := s.log.Ask(s.ctx, "sallyport.ask.access", []byte("x")); !errors.Is(err, journal.ErrNoAnswer) {
		s.Errorf("nobody listens any more: %v", err)
	}
	asked := make(chan struct{})
	stop, err := s.log.Answer(s.ctx, "sallyport.ask.access", "", func(ctx context.Context, _ []byte) ([]byte, error) {
		close(asked)
		<-ctx.Done()
		return nil, ctx.Err()
	})
	s.must(err)
	ctx, cancel := context.WithCancel(s.ctx)
	go func() {
		<-asked
		cancel()
	}()
	start := time.Now()
	_, err = s.log.Ask(ctx, "sallyport.ask.access", []byte("x"))
	if !errors.Is(err, journal.ErrNoAnswer) || !errors.Is(err, context.Canceled) {
		s.Errorf("the asker gives up: %v", err)
	}
	if time.Since(start) > 30*time.Second {
		s.Error("the asker did not give up when its context ended")
	}
	stop() // ends the handler's context, and waits for it
}
