package journaltest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"sallyport/schemas"
	"sallyport/schemas/journal"
)

func (s *suite) consumeHistoryThenLive() { s.historyThenLive(journal.ConsumeConfig{}) }

// consumeInGroups has messages wait for each other, and gives way to writers.
func (s *suite) consumeInGroups() {
	s.historyThenLive(journal.ConsumeConfig{Linger: 20 * time.Millisecond, Background: true})
}

func (s *suite) historyThenLive(config journal.ConsumeConfig) {
	subject := schemas.EventSubject("session", "opened", "postgres", "orders")
	other := schemas.EventSubject("session", "opened", "ssh", "web1")
	for i := range uint64(10) {
		on := subject
		if i%2 == 1 {
			on = other
		}
		_, err := s.log.AppendEvent(s.ctx, on, map[string]string{"Source": "x"}, fmt.Append(nil, i+1), i)
		s.must(err)
	}
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	var got []uint64
	live := false
	config.Stream, config.Subjects, config.From, config.Batch = schemas.Events, []schemas.Subject{subject}, 3, 3
	err := s.log.Consume(ctx, config, func(ms []journal.Message, caughtUp bool) error {
		if len(ms) > 3 {
			s.Errorf("a batch of %d", len(ms))
		}
		for _, m := range ms {
			got = append(got, m.Sequence)
			if string(m.Data) != fmt.Sprint(m.Sequence) || m.Header["Source"] != "x" || len(m.Header) != 1 || m.Subject != subject {
				s.Errorf("message %+v", m)
			}
		}
		switch {
		case len(got) == 5:
			cancel()
		case caughtUp && !live:
			live = true
			_, err := s.log.AppendEvent(s.ctx, subject, map[string]string{"Source": "x"}, []byte("11"), 10)
			return err
		}
		return nil
	})
	s.must(err)
	if want := []uint64{3, 5, 7, 9, 11}; !slices.Equal(got, want) {
		s.Errorf("got %v, want %v", got, want)
	}
	stop := errors.New("stop")
	err = s.log.Consume(s.ctx, journal.ConsumeConfig{Stream: schemas.Controls, Linger: config.Linger}, func(ms []journal.Message, caughtUp bool) error {
		if len(ms) != 0 || !caughtUp {
			s.Errorf("an empty stream gives %d messages, caught up: %t", len(ms), caughtUp)
		}
		return stop
	})
	if !errors.Is(err, stop) {
		s.Errorf("consume with a handler that fails: %v", err)
	}
}

// consumeSlowly has a handler that falls far behind, with more messages than may wait for it.
func (s *suite) consumeSlowly() {
	w := Start(s, s.log, "orders")
	w.Frames(60, 100<<10)
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	messages, last := 0, uint64(0)
	err := s.log.Consume(ctx, journal.ConsumeConfig{Stream: schemas.Frames, Batch: 1}, func(ms []journal.Message, caughtUp bool) error {
		for _, m := range ms {
			messages++
			if m.Sequence != last+1 {
				s.Errorf("message %d after %d", m.Sequence, last)
			}
			last = m.Sequence
		}
		if messages == 10 {
			w.Frames(60, 100<<10)
			w.Closes()
		}
		head, err := s.log.Head(s.ctx, schemas.Frames)
		if caughtUp && messages > 10 && last == head {
			cancel()
		}
		return err
	})
	s.must(err)
	Check(s, s.log)
}

func (s *suite) conditions() {
	c := func(by string) *schemas.Control {
		return &schemas.Control{By: by, Kind: &schemas.Control_Killed{Killed: &schemas.Killed{Session: "x"}}}
	}
	if _, err := s.log.Last(s.ctx, schemas.Controls); !errors.Is(err, journal.ErrNotFound) {
		s.Errorf("last of an empty stream: %v", err)
	}
	first, err := s.log.AppendControl(s.ctx, schemas.AreaSession, "x", c("alice"), nil)
	s.must(err)
	second, err := s.log.AppendControl(s.ctx, schemas.AreaSession, "x", c("bob"), &first)
	s.must(err)
	if _, err := s.log.AppendControl(s.ctx, schemas.AreaSession, "x", c("carol"), &first); !errors.Is(err, journal.ErrConflict) {
		s.Errorf("append on a stale condition: %v", err)
	}
	m, err := s.log.Last(s.ctx, schemas.Controls)
	s.must(err)
	var got schemas.Control
	s.must(got.UnmarshalVT(m.Data))
	if m.Sequence != second || got.By != "bob" || got.Version != 1 || got.At == 0 {
		s.Errorf("last is %d: %v", m.Sequence, &got)
	}
	subject := schemas.EventSubject("a", "b", "c", "d")
	_, err = s.log.AppendEvent(s.ctx, subject, nil, []byte("1"), 0)
	s.must(err)
	if _, err := s.log.AppendEvent(s.ctx, subject, nil, []byte("2"), 0); !errors.Is(err, journal.ErrConflict) {
		s.Errorf("append an event on a stale condition: %v", err)
	}
	head, err := s.log.Head(s.ctx, schemas.Events)
	s.must(err)
	if head != 1 {
		s.Errorf("head is %d", head)
	}
	s.must(s.log.Healthy(s.ctx))
}

func (s *suite) bucket() {
	b, err := s.log.Bucket(s.ctx, "resources")
	s.must(err)
	if _, err := b.Get(s.ctx, "a"); !errors.Is(err, journal.ErrNotFound) {
		s.Errorf("get what is not there: %v", err)
	}
	first, err := b.Update(s.ctx, "a", []byte("1"), 0)
	s.must(err)
	if _, err := b.Update(s.ctx, "a", []byte("2"), 0); !errors.Is(err, journal.ErrConflict) {
		s.Errorf("create what is there: %v", err)
	}
	_, err = b.Update(s.ctx, "a", []byte("2"), first)
	s.must(err)
	if _, err := b.Update(s.ctx, "a", []byte("3"), first); !errors.Is(err, journal.ErrConflict) {
		s.Errorf("update on a stale revision: %v", err)
	}
	_, err = b.Put(s.ctx, "Target.orders=2Fx", []byte("3"))
	s.must(err)
	items, err := b.All(s.ctx)
	s.must(err)
	if len(items) != 2 || items[0].Key != "a" || string(items[0].Value) != "2" || items[1].Key != "Target.orders=2Fx" {
		s.Errorf("all: %v", items)
	}
	s.must(b.Delete(s.ctx, "a"))
	if _, err := b.Get(s.ctx, "a"); !errors.Is(err, journal.ErrNotFound) {
		s.Errorf("get what was deleted: %v", err)
	}
	_, err = b.Update(s.ctx, "a", []byte("again"), 0)
	s.must(err)
	s.must(b.Clear(s.ctx))
	items, err = b.All(s.ctx)
	s.must(err)
	if len(items) != 0 {
		s.Errorf("all after clear: %v", items)
	}
}

// bucketMoves lists a bucket while its keys are written: none of them is missing.
func (s *suite) bucketMoves() {
	b, err := s.log.Bucket(s.ctx, "resources")
	s.must(err)
	for _, key := range []string{"a", "b", "c"} {
		_, err := b.Put(s.ctx, key, nil)
		s.must(err)
	}
	ctx, cancel := context.WithCancel(s.ctx)
	ended := make(chan error, 1)
	go func() {
		var err error
		for n := 0; err == nil; n++ {
			_, err = b.Put(ctx, []string{"a", "b", "c"}[n%3], nil)
		}
		ended <- err
	}()
	for range 50 {
		items, err := b.All(s.ctx)
		s.must(err)
		if len(items) != 3 {
			s.Errorf("all: %v", items)
		}
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		s.Errorf("write meanwhile: %v", err)
	}
}

func (s *suite) bucketWatch() {
	b, err := s.log.Bucket(s.ctx, "resources")
	s.must(err)
	_, err = b.Put(s.ctx, "a", []byte("1"))
	s.must(err)
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	var got []string
	s.must(b.Watch(ctx, func(i journal.Item, caughtUp bool) error {
		if caughtUp {
			got = append(got, "caught up")
			if _, err := b.Put(s.ctx, "b", []byte("2")); err != nil {
				return err
			}
			return b.Delete(s.ctx, "a")
		}
		got = append(got, fmt.Sprintf("%s=%s %t", i.Key, i.Value, i.Deleted))
		if i.Deleted {
			cancel()
		}
		return nil
	}))
	if want := []string{"a=1 false", "caught up", "b=2 false", "a= true"}; !slices.Equal(got, want) {
		s.Errorf("got %q, want %q", got, want)
	}
}
