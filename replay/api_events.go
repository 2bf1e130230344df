package replay

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"sallyport/schemas"
	"sallyport/schemas/journal"
)

// events answers GET /events: the public events that the reader may see, from a cursor or a time
// on, as NDJSON or as server-sent events.
func (s *Service) events(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	filter, err := eventFilter(q.Get("subject"))
	if err != nil {
		return err
	}
	from, since, err := s.start(r)
	if err != nil {
		return err
	}
	follow := q.Get("follow") == "true" || q.Get("follow") == "1"
	// Who is not signed in, or cannot be judged now, is told so; who may see little sees little.
	if err := s.Authorizer.Authorize(r.Context(), "admin", ""); err != nil && schemas.Shown(err).Code != schemas.CodeForbidden {
		return err
	}
	out := &feed{service: s, w: w, ctx: r.Context(), since: since, known: map[[2]string]authorised{}, sse: strings.Contains(r.Header.Get("Accept"), "text/event-stream")}
	if out.sse {
		w.Header().Set("Content-Type", "text/event-stream")
	} else {
		w.Header().Set("Content-Type", "application/x-ndjson")
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Accel-Buffering", "no")
	flush(w)
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer http.NewResponseController(w).SetWriteDeadline(time.Time{})
	var beating sync.WaitGroup
	defer beating.Wait()
	defer cancel()
	if out.sse && follow {
		beating.Go(func() { out.beat(ctx) })
	}
	err = s.Log.Consume(ctx, journal.ConsumeConfig{Stream: schemas.Events, Subjects: []schemas.Subject{filter}, From: from}, func(ms []journal.Message, caughtUp bool) error {
		if err := out.send(ms); err != nil {
			return err
		}
		if caughtUp && !follow {
			return errEnough
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) && !errors.Is(err, errGone) && r.Context().Err() == nil {
		s.Logger.Error("events", "error", err)
		panic(http.ErrAbortHandler) // a cut connection is not an end of the events
	}
	return nil
}

// start returns the first sequence wanted, and the earliest time of an event.
func (s *Service) start(r *http.Request) (from uint64, since time.Time, err error) {
	q := r.URL.Query()
	cursor := q.Get("cursor")
	if cursor == "" {
		cursor = r.Header.Get("Last-Event-ID")
	}
	if cursor != "" {
		n, err := strconv.ParseUint(cursor, 10, 64)
		if err != nil {
			return 0, since, invalid("cursor is %q: it must be the sequence of an event", cursor)
		}
		from = n + 1
	}
	if text := q.Get("since"); text != "" {
		if since, err = time.Parse(time.RFC3339Nano, text); err != nil {
			return 0, since, invalid("since is %q: it must be a time such as 2026-11-01T00:00:00Z", text)
		}
		first, err := s.firstSince(r.Context(), since)
		if err != nil {
			return 0, since, err
		}
		from = max(from, first)
	}
	return max(from, 1), since, nil
}

// firstSince finds, by bisection, a sequence before which every event was appended before t.
func (s *Service) firstSince(ctx context.Context, t time.Time) (uint64, error) {
	head, err := s.Log.Head(ctx, schemas.Events)
	if err != nil {
		return 0, fmt.Errorf("find events: %w", err)
	}
	low, high := uint64(1), head+1
	for high-low > 512 {
		mid := low + (high-low)/2
		var at time.Time
		err := s.Log.Consume(ctx, journal.ConsumeConfig{Stream: schemas.Events, From: mid, Batch: 1}, func(ms []journal.Message, caughtUp bool) error {
			if len(ms) > 0 {
				at = ms[0].Time
			}
			if len(ms) > 0 || caughtUp {
				return errEnough
			}
			return nil
		})
		if !errors.Is(err, errEnough) {
			return 0, fmt.Errorf("find events: %w", errors.Join(err, ctx.Err()))
		}
		if at.Before(t) {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low, nil
}

// eventFilter accepts a subject with wildcards, within EVENTS.
func eventFilter(text string) (schemas.Subject, error) {
	if text == "" {
		return schemas.AllEvents, nil
	}
	tokens := strings.Split(text, ".")
	bad := len(tokens) < 3 || len(tokens) > 6 || tokens[0] != "sallyport" || tokens[1] != "event"
	for i, t := range tokens {
		wild := t == "*" || t == ">" && i == len(tokens)-1
		bad = bad || t == "" || !wild && strings.Trim(t, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-=") != ""
	}
	if bad {
		return "", invalid("subject is %q: it must be one such as sallyport.event.command.denied.>", text)
	}
	return schemas.Subject(text), nil
}

// feed sends events to one reader.
type feed struct {
	service *Service
	ctx     context.Context // of the request, for as long as it is answered
	since   time.Time
	sse     bool
	known   map[[2]string]authorised

	mu sync.Mutex // of w: events and heartbeats
	w  http.ResponseWriter
}

type authorised struct {
	yes  bool
	when time.Time
}

func (f *feed) send(ms []journal.Message) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	sent := false
	for _, m := range ms {
		if m.Time.Before(f.since) {
			continue
		}
		yes, err := f.allowed(m.Subject)
		if err != nil {
			return err
		}
		if !yes {
			continue
		}
		if err := f.write(m); err != nil {
			return err
		}
		sent = true
	}
	if sent {
		flush(f.w)
	}
	return nil
}

// allowed asks who may see events of the subject's area: those of a session who may replay it, all
// others administrators. Answers are kept for a while.
func (f *feed) allowed(subject schemas.Subject) (bool, error) {
	area, target := areaAndTarget(subject)
	key := [2]string{"admin", ""}
	if area == "session" || area == "command" {
		key = [2]string{"replay", target}
	}
	now := f.service.Now()
	if a, found := f.known[key]; found && now.Sub(a.when) < f.service.Reauthorize {
		return a.yes, nil
	}
	err := f.service.Authorizer.Authorize(f.ctx, key[0], key[1])
	if err != nil && schemas.Shown(err).Code != schemas.CodeForbidden {
		return false, err
	}
	f.known[key] = authorised{yes: err == nil, when: now}
	return err == nil, nil
}

// areaAndTarget takes a subject of EVENTS apart.
func areaAndTarget(s schemas.Subject) (area, target string) {
	tokens := strings.Split(string(s), ".")
	if len(tokens) != 6 {
		return "", ""
	}
	return tokens[2], untoken(tokens[5])
}

// untoken is the inverse of schemas.Token.
func untoken(s string) string {
	if s == "=" {
		return ""
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '=' && i+2 < len(s) {
			if c, err := hex.DecodeString(s[i+1 : i+3]); err == nil {
				b.WriteByte(c[0])
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// write adds the cursor: the sequence, as the CloudEvents extension of that name.
func (f *feed) write(m journal.Message) error {
	if len(m.Data) < 2 || m.Data[0] != '{' {
		return fmt.Errorf("message %d of EVENTS is not an object", m.Sequence)
	}
	line := fmt.Appendf(nil, `{"sequence":"%d",%s`, m.Sequence, m.Data[1:])
	if f.sse {
		line = fmt.Appendf(nil, "id: %d\ndata: %s\n\n", m.Sequence, line)
	} else {
		line = append(line, '\n')
	}
	return f.put(line)
}

// errGone says that the reader is gone, which is its right.
var errGone = errors.New("the reader is gone")

func (f *feed) put(b []byte) error {
	// Not every writer has deadlines; the server's own then hold.
	_ = http.NewResponseController(f.w).SetWriteDeadline(time.Now().Add(f.service.WriteTimeout))
	if _, err := f.w.Write(b); err != nil {
		return errGone
	}
	return nil
}

// beat keeps proxies from closing a quiet stream of server-sent events.
func (f *feed) beat(ctx context.Context) {
	tick := time.NewTicker(f.service.PingEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			f.mu.Lock()
			if f.put([]byte(": \n\n")) == nil {
				flush(f.w)
			}
			f.mu.Unlock()
		}
	}
}
