package journal_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"sallyport/schemas"
	"sallyport/schemas/journal"
	"sallyport/schemas/journal/journaltest"
)

// recorded writes a session and returns what is stored of it.
func recorded(t *testing.T) (id schemas.SessionID, facts, frames []journal.Message) {
	t.Helper()
	l := journaltest.Open(t)
	w := journaltest.Start(t, l, "orders")
	for range 5 {
		w.Frames(2, 100)
		if err := w.Flush(context30(t)); err != nil {
			t.Fatal(err)
		}
		w.Commits(journaltest.Command("SELECT innocent"))
	}
	w.Closes()
	return w.ID, stored(t, l, schemas.Facts), stored(t, l, schemas.Frames)
}

func stored(t *testing.T, l *journal.Log, s schemas.Stream) []journal.Message {
	t.Helper()
	var all []journal.Message
	ctx := context30(t)
	err := l.Consume(ctx, journal.ConsumeConfig{Stream: s}, func(ms []journal.Message, caughtUp bool) error {
		all = append(all, ms...)
		if caughtUp {
			return errEnough
		}
		return nil
	})
	if err == nil || ctx.Err() != nil {
		t.Fatal("the stream could not be read")
	}
	return all
}

// TestTampering stores a session elsewhere as it is, and altered in ways that Verify must see.
func TestTampering(t *testing.T) {
	t.Parallel()
	id, facts, frames := recorded(t)
	type stored = []journal.Message
	drop := func(ms stored, i int) stored { return slices.Delete(slices.Clone(ms), i, i+1) }
	edit := func(ms stored, i int, f func(data []byte) []byte) stored {
		ms = slices.Clone(ms)
		ms[i].Data = f(bytes.Clone(ms[i].Data))
		return ms
	}
	rename := func(data []byte) []byte { return bytes.Replace(data, []byte("innocent"), []byte("tampered"), 1) }
	flip := func(data []byte) []byte { data[len(data)-5] ^= 1; return data }
	tests := []struct {
		name          string
		facts, frames stored
		want          string // part of a problem; empty: none
	}{
		{"nothing", facts, frames, ""},
		{"a command is rewritten", edit(facts, 2, rename), frames, "chain is broken"},
		{"a frame is rewritten", facts, edit(frames, 1, flip), "chain is broken"},
		{"the last frame message is rewritten", facts, edit(frames, 4, flip), "not the one that the facts name"},
		{"a command is dropped", drop(facts, 3), frames, "chain is broken"},
		{"a frame is dropped", facts, drop(frames, 2), "chain is broken"},
		{"the last frame is dropped", facts, drop(frames, 4), "is not there"},
		{"the first command is dropped", drop(facts, 0), frames, "chain is broken"},
		{"two commands change places", slices.Concat(facts[:2], stored{facts[3], facts[2]}, facts[4:]), frames, "chain is broken"},
		{"a command is repeated", slices.Concat(facts[:3], facts[2:]), frames, "chain is broken"},
		{"a fact follows the end", slices.Concat(facts, facts[3:4]), frames, "comes after the end"},
		{"garbage is added", facts, slices.Concat(frames, stored{{Subject: frames[0].Subject, Data: []byte("garbage")}}), "cannot be read"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			url := journaltest.Server(t)
			l := journaltest.OpenConfig(t, journal.Config{URL: url})
			_, js := raw(t, url)
			for _, m := range slices.Concat(test.facts, test.frames) {
				if _, err := js.Publish(t.Context(), string(m.Subject), m.Data); err != nil {
					t.Fatal(err)
				}
			}
			r, err := l.Verify(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			problems := strings.Join(r.Problems, "\n")
			if test.want == "" && problems != "" || !strings.Contains(problems, test.want) {
				t.Errorf("verify finds %q, want %q", problems, test.want)
			}
		})
	}
}

// TestEnvelope: the writer lays envelopes out by hand. What it stores is what the generated code
// would store, and says what it must.
func TestEnvelope(t *testing.T) {
	t.Parallel()
	id, facts, frames := recorded(t)
	for i, m := range slices.Concat(facts, frames) {
		env, entries, err := journal.Decode(m)
		if err != nil {
			t.Fatal(err)
		}
		again, err := env.MarshalVT()
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(again, m.Data) {
			t.Errorf("message %d is laid out differently by the generated code", i)
		}
		first := m.Sequence == 1
		if env.Session != string(id) || env.Writer == "" || first != (len(env.Previous) == 0) || int(env.Count) != len(entries) {
			t.Errorf("message %d has envelope %v", i, env)
		}
		if f := env.Frames; m.Stream == schemas.Facts && !first && (f.GetSequence() == 0 || f.GetNumber() == 0 || len(f.GetHash()) != 32) {
			t.Errorf("message %d names the frames %v", i, f)
		}
	}
}
