package journal

import (
	"errors"
	"fmt"
	"time"

	"sallyport/schemas"
)

// Message is one message of a stream.
type Message struct {
	Stream   schemas.Stream
	Sequence uint64
	Subject  schemas.Subject
	Time     time.Time // the stream's
	Data     []byte
	Header   map[string]string
}

// Located is an entry and where it is stored.
type Located struct {
	Entry    *schemas.Entry
	Stream   schemas.Stream
	Sequence uint64    // of the message that holds it
	Time     time.Time // of that message, on the stream's clock
}

// Decode opens a message of FACTS or FRAMES. The entries do not share m.Data.
func Decode(m Message) (*schemas.Envelope, []Located, error) {
	env := &schemas.Envelope{}
	if err := env.UnmarshalVT(m.Data); err != nil {
		return nil, nil, fmt.Errorf("decode envelope: %w", err)
	}
	if err := checkEnvelope(env, m.Subject); err != nil {
		return nil, nil, fmt.Errorf("decode envelope: %w", err)
	}
	batch := &schemas.Batch{}
	if err := batch.UnmarshalVT(env.Payload); err != nil {
		return nil, nil, fmt.Errorf("decode batch: %w", err)
	}
	if len(batch.Entries) != int(env.Count) || len(batch.Entries) == 0 {
		return nil, nil, fmt.Errorf("decode batch: %d entries, the envelope says %d", len(batch.Entries), env.Count)
	}
	located := make([]Located, len(batch.Entries))
	for i, e := range batch.Entries {
		if i == 0 && e.Number != env.Number || i > 0 && e.Number <= batch.Entries[i-1].Number {
			return nil, nil, fmt.Errorf("decode batch: entry %d has number %d, which is out of order", i, e.Number)
		}
		if e.Kind == nil {
			return nil, nil, fmt.Errorf("decode batch: entry %d is of no known kind", e.Number)
		}
		if _, sealed := e.Kind.(*schemas.Entry_Sealed); sealed != (e.Number == 0) {
			return nil, nil, errors.New("decode batch: an entry has no number")
		}
		located[i] = Located{Entry: e, Stream: m.Stream, Sequence: m.Sequence, Time: m.Time}
	}
	return env, located, nil
}

func checkEnvelope(env *schemas.Envelope, subject schemas.Subject) error {
	switch id, ok := schemas.SessionOf(subject); {
	case env.Version != formatVersion:
		return fmt.Errorf("format version %d is not known", env.Version)
	case env.KeyId != "":
		return errors.New("the payload is encrypted, which is not supported yet")
	case env.Codec != schemas.Codec_CODEC_PLAIN:
		return fmt.Errorf("codec %s is not supported", env.Codec)
	case ok && env.Session != string(id):
		return errors.New("the message is of another session than its subject")
	}
	return nil
}
