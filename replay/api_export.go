package replay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"net/http"
	"slices"

	"filippo.io/age"

	"sallyport/schemas"
	"sallyport/schemas/journal"
)

// form is one form of an export.
type form struct {
	write       func(ctx context.Context, w io.Writer, one Session) error
	contentType string
	extension   string
}

func (s *Service) formOf(format string) (form, bool) {
	entries := func(f func(io.Writer, iter.Seq2[Entry, error]) error) func(context.Context, io.Writer, Session) error {
		return func(ctx context.Context, w io.Writer, one Session) error { return f(w, Entries(ctx, s.Log, one.ID, 1)) }
	}
	switch format {
	case "", "ndjson":
		return form{entries(WriteLines), "application/x-ndjson", "ndjson"}, true
	case "asciicast":
		return form{entries(WriteCast), "application/x-asciicast", "cast"}, true
	case "html":
		return form{s.writePage, "text/html; charset=utf-8", "html"}, true
	}
	return form{}, false
}

// export answers a whole recording as a file, encrypted to a key if one is named. It is streamed: a
// failure on the way cuts the connection, so that nobody takes a part for the whole.
func (s *Service) export(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	f, known := s.formOf(q.Get("format"))
	if !known {
		return invalid("format is %q: it must be ndjson, asciicast or html", q.Get("format"))
	}
	var recipient age.Recipient
	if key := q.Get("encrypt"); key != "" {
		var err error
		if recipient, err = age.ParseX25519Recipient(key); err != nil {
			return invalid("encrypt is not an age recipient such as age1…")
		}
		f.contentType, f.extension = "application/octet-stream", f.extension+".age"
	}
	one, err := s.session(r, permission)
	if err != nil {
		return err
	}
	if err := s.view(r.Context(), one, viewExport); err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", f.contentType)
	h.Set("Content-Disposition", fmt.Sprintf(`attachment; filename="sallyport-%s.%s"`, one.ID, f.extension))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	if err := sealed(w, recipient, func(w io.Writer) error { return f.write(r.Context(), w, one) }); err != nil {
		if r.Context().Err() == nil {
			s.Logger.Error("export", "session", one.ID, "error", err)
		}
		panic(http.ErrAbortHandler)
	}
	return nil
}

// sealed has write write, through age where there is a recipient.
func sealed(w io.Writer, recipient age.Recipient, write func(io.Writer) error) error {
	if recipient == nil {
		return write(w)
	}
	closed, err := age.Encrypt(w, recipient)
	if err != nil {
		return fmt.Errorf("encrypt export: %w", err)
	}
	if err := write(closed); err != nil {
		return err // not closed: what was written cannot be taken for the whole
	}
	if err := closed.Close(); err != nil {
		return fmt.Errorf("encrypt export: %w", err)
	}
	return nil
}

// writePage writes the player, what it plays and the proof. The session is taken as it is now: what comes
// later is not in it.
func (s *Service) writePage(ctx context.Context, w io.Writer, one Session) error {
	b := &Bundle{By: s.Who(ctx), At: s.Now(), Session: one}
	b.Session.Open = false // nothing follows in a file
	until, err := s.fill(ctx, one, b)
	if err != nil {
		return err
	}
	entries := func(yield func(Entry, error) bool) {
		for e, err := range Entries(ctx, s.Log, one.ID, 1) {
			if err == nil && e.Number > until {
				return
			}
			if !yield(e, err) {
				return
			}
		}
	}
	b.Facts = s.messages(ctx, schemas.Facts, schemas.FactSubject(one.ID), until)
	b.Frames = s.messages(ctx, schemas.Frames, schemas.FrameSubject(one.ID), until)
	return WriteHTML(w, b, entries)
}

// fill adds what a player asks for besides entries, and returns the number of the last entry that the
// export has: it ends where a message does.
func (s *Service) fill(ctx context.Context, one Session, b *Bundle) (until uint64, err error) {
	until = math.MaxUint64
	first := one.Opened.UnixNano()
	if s.Indexes != nil {
		err := s.Indexes.Look(ctx, one, func(i *Index) error {
			b.Index = i.answer(one)
			b.Index.Open, first = false, i.First
			if one.Open {
				until = i.Number
			}
			for _, k := range i.Keyframes.Items {
				a, err := k.answer()
				if err != nil {
					return err
				}
				b.Keyframes = append(b.Keyframes, a)
			}
			return nil
		})
		if err != nil {
			return 0, err
		}
	}
	if b.Moments, _, err = momentsFrom(ctx, s.Log, one.ID, first, 1, 0, math.MaxInt); err != nil {
		return 0, err
	}
	if b.Remarks, err = s.said.of(ctx, s.Log, s.Logger, one.ID); err != nil {
		return 0, err
	}
	for i := range b.Remarks.Annotations {
		if err := s.place(ctx, one, &b.Remarks.Annotations[i]); err != nil {
			return 0, err
		}
	}
	return until, nil
}

// messages walks the messages of a subject as they are on the log, to the one that begins behind until.
func (s *Service) messages(ctx context.Context, stream schemas.Stream, subject schemas.Subject, until uint64) iter.Seq2[journal.Message, error] {
	return func(yield func(journal.Message, error) bool) {
		err := s.Log.Consume(ctx, journal.ConsumeConfig{Stream: stream, Subjects: []schemas.Subject{subject}}, func(ms []journal.Message, caughtUp bool) error {
			for _, m := range ms {
				envelope, _, err := journal.Decode(m)
				if err != nil {
					return err
				}
				if envelope.GetNumber() > until || !yield(m, nil) {
					return errEnough
				}
			}
			if caughtUp {
				return errEnough
			}
			return nil
		})
		if err == nil && ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		if err != nil && !errors.Is(err, errEnough) {
			yield(journal.Message{}, fmt.Errorf("read messages: %w", err))
		}
	}
}

// answer is a keyframe as the API speaks it.
func (k Keyframe) answer() (KeyframeAnswer, error) {
	a := KeyframeAnswer{Number: k.Number, AtMS: since(k.At), Current: k.Current, Terminals: []ShotAnswer{}}
	for _, t := range k.Terminals {
		drawing, err := inflate(t.Drawing)
		if err != nil {
			return a, err
		}
		a.Terminals = append(a.Terminals, ShotAnswer{Command: t.Command, Columns: t.Columns, Rows: t.Rows, Drawing: drawing})
	}
	return a, nil
}

// answer is an index as the API speaks it. It shares nothing with the index.
func (x *Index) answer(one Session) IndexAnswer {
	a := IndexAnswer{
		Number: x.Number, First: nanos(x.First), LastMS: since(x.Last), Open: one.Open, Commands: x.Commands,
		Keyframes: len(x.Keyframes.Items), BucketMS: since(max(x.Activity.Bucket, firstBucket)),
		Input: list(slices.Clone(x.Activity.In)), Output: list(slices.Clone(x.Activity.Out)), Activity: list(slices.Clone(x.Activity.Commands)),
		Risk: []int{}, Alerts: []AlertAnswer{}, AlertsOut: x.AlertsOut, HasTerminal: x.Sized,
	}
	for _, n := range x.Activity.Risk {
		a.Risk = append(a.Risk, int(n))
	}
	for _, one := range x.Alerts {
		a.Alerts = append(a.Alerts, AlertAnswer{Number: one.Number, AtMS: since(one.At), What: one.What})
	}
	return a
}
