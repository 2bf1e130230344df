package journal

import "context"

// gather takes messages in groups. It waits for one, leaves it time to be joined by others, and
// takes what is there then. Between groups no request is open, so that the server does no work
// for this reader while writers append.
func (t *tail) gather(ctx context.Context, most int) (ms []Message, caughtUp bool, err error) {
	for {
		if t.consumer == "" {
			t.behind = true // whatever the new consumer has is taken at once
		}
		if !t.behind {
			if ms, err = t.first(ctx); err != nil {
				return nil, false, err
			}
			if !pause(ctx.Done(), t.linger) {
				return nil, false, context.Cause(ctx)
			}
		}
		began := t.log.elapsed()
		ms, caughtUp, err = t.sweep(ctx, ms, most)
		t.reading = t.log.elapsed() - began
		if err != nil {
			return nil, false, err
		}
		if len(ms) > 0 || caughtUp && t.behind {
			t.behind = !caughtUp
			return ms, caughtUp, nil
		}
	}
}

// first waits for one message; it returns none when the consumer was given up.
func (t *tail) first(ctx context.Context) ([]Message, error) {
	for t.consumer != "" {
		if err := t.ready(ctx, 1, false); err != nil {
			return nil, err
		}
		m, ok, err := t.wait(ctx)
		if err != nil {
			return nil, err
		}
		if ok {
			if message, _, good := t.accept(m); good {
				return []Message{message}, nil
			}
		}
	}
	return nil, nil
}

// sweep adds what is there to ms, up to most.
func (t *tail) sweep(ctx context.Context, ms []Message, most int) ([]Message, bool, error) {
	if len(ms) >= most {
		return ms, false, nil
	}
	if err := t.ready(ctx, most-len(ms), true); err != nil {
		return nil, false, err
	}
	t.empty = false // a request that does not wait says so too
	for {
		m, ok, err := t.wait(ctx)
		if err != nil {
			return nil, false, err
		}
		if !ok {
			return ms, false, nil
		}
		nothing := m.Header.Get("Status") == "404"
		message, pending, good := t.accept(m)
		if good {
			ms = append(ms, message)
		}
		if nothing || good && pending == 0 {
			t.asked = 0
			return ms, true, nil
		}
		if t.asked <= 0 || t.consumer == "" || len(ms) == most {
			return ms, false, nil
		}
	}
}
