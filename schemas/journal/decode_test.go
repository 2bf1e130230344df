package journal_test

import (
	"errors"
	"testing"

	"sallyport/schemas"
	"sallyport/schemas/journal"
)

var errEnough = errors.New("enough")

func FuzzDecode(f *testing.F) {
	id := schemas.SessionID("abcdefghijklmnopqrstuvwxyz")
	entry := &schemas.Entry{Number: 1, At: 1, Kind: &schemas.Entry_Closed{Closed: &schemas.Closed{Reason: "client"}}}
	payload, err := (&schemas.Batch{Entries: []*schemas.Entry{entry}}).MarshalVT()
	if err != nil {
		f.Fatal(err)
	}
	env := &schemas.Envelope{Version: 1, Codec: schemas.Codec_CODEC_PLAIN, Number: 1, Count: 1, Writer: "w", Session: string(id), Payload: payload}
	good, err := env.MarshalVT()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte{})
	f.Add(good[:len(good)-1])
	f.Fuzz(func(t *testing.T, data []byte) {
		env, entries, err := journal.Decode(journal.Message{Stream: schemas.Facts, Subject: schemas.FactSubject(id), Data: data})
		if err != nil {
			if env != nil || entries != nil {
				t.Error("an error and a result")
			}
			return
		}
		if len(entries) == 0 || len(entries) != int(env.Count) || env.Session != string(id) {
			t.Errorf("decoded %d entries of %v", len(entries), env)
		}
		for i, e := range entries {
			if e.Entry.GetKind() == nil || i > 0 && e.Entry.Number <= entries[i-1].Entry.Number {
				t.Errorf("entry %d is %v", i, e.Entry)
			}
		}
	})
}

func TestDecodeErrors(t *testing.T) {
	id := schemas.NewSessionID()
	change := map[string]func(e *schemas.Envelope){
		"version":      func(e *schemas.Envelope) { e.Version = 2 },
		"codec":        func(e *schemas.Envelope) { e.Codec = schemas.Codec_CODEC_ZSTD },
		"encrypted":    func(e *schemas.Envelope) { e.KeyId = "k" },
		"session":      func(e *schemas.Envelope) { e.Session = string(schemas.NewSessionID()) },
		"count":        func(e *schemas.Envelope) { e.Count = 2 },
		"number":       func(e *schemas.Envelope) { e.Number = 2 },
		"payload":      func(e *schemas.Envelope) { e.Payload = []byte("x") },
		"empty":        func(e *schemas.Envelope) { e.Payload, e.Count = nil, 0 },
		"unknown kind": func(e *schemas.Envelope) { e.Payload = []byte{10, 2, 8, 1} },
		"no number":    func(e *schemas.Envelope) { e.Payload, e.Number = []byte{10, 3, 0x8a, 1, 0}, 0 },
	}
	for name, f := range change {
		payload, err := (&schemas.Batch{Entries: []*schemas.Entry{{Number: 1, Kind: &schemas.Entry_State{State: &schemas.State{}}}}}).MarshalVT()
		if err != nil {
			t.Fatal(err)
		}
		env := &schemas.Envelope{Version: 1, Codec: schemas.Codec_CODEC_PLAIN, Number: 1, Count: 1, Session: string(id), Payload: payload}
		f(env)
		data, err := env.MarshalVT()
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := journal.Decode(journal.Message{Subject: schemas.FactSubject(id), Data: data}); err == nil {
			t.Errorf("%s: decoded", name)
		}
	}
}
