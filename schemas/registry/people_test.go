package registry_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"sallyport/schemas"
	"sallyport/schemas/registry"
)

func putPasskey(p *schemas.PasskeyPut) *schemas.Control {
	return &schemas.Control{By: p.User, Kind: &schemas.Control_PasskeyPut{PasskeyPut: p}}
}

// TestStepUpsGoWithTheirTokens keeps who proved a passkey, over a restart, until the token is revoked.
func TestStepUpsGoWithTheirTokens(t *testing.T) {
	log := openLog(t, t.TempDir())
	r, stop := start(t, log)
	then, at := time.Unix(1_700_000_000, 0), time.Unix(1_800_000_000, 0)
	facts := []*schemas.Control{
		{By: "alice", Kind: &schemas.Control_TokenCreated{TokenCreated: &schemas.TokenCreated{Id: "t-1", SteppedUp: then.UnixNano()}}},
		{By: "alice", Kind: &schemas.Control_TokenCreated{TokenCreated: &schemas.TokenCreated{Id: "t-2"}}},
		{By: "alice", Kind: &schemas.Control_TokenSteppedUp{TokenSteppedUp: &schemas.TokenSteppedUp{Id: "t-2", User: "alice", At: at.UnixNano()}}},
	}
	for _, f := range facts {
		if err := r.Append(t.Context(), f); err != nil {
			t.Fatal(err)
		}
	}
	check := func(what string, want map[schemas.TokenID]time.Time) {
		t.Helper()
		for id, at := range want {
			if got := r.Snapshot().SteppedUp(id); !got.Equal(at) {
				t.Errorf("%s: %s stepped up at %v, want %v", what, id, got, at)
			}
		}
	}
	check("at first", map[schemas.TokenID]time.Time{"t-1": then, "t-2": at, "t-3": {}})
	stop()
	r, _ = start(t, log)
	check("started anew", map[schemas.TokenID]time.Time{"t-1": then, "t-2": at, "t-3": {}})
	if err := r.Append(t.Context(), &schemas.Control{By: "alice", Kind: &schemas.Control_TokenRevoked{TokenRevoked: &schemas.TokenRevoked{Id: "t-2"}}}); err != nil {
		t.Fatal(err)
	}
	check("revoked", map[schemas.TokenID]time.Time{"t-1": then, "t-2": {}})
	report, err := r.Rebuild(t.Context(), "identity", func(uint64, uint64) {})
	if err != nil || len(report.Differences) > 0 {
		t.Errorf("rebuilt: %v %v", report, err)
	}
}

// TestAmendSeesWhatWasSaidMeanwhile has a passkey be used while it is removed: it must not come back.
func TestAmendSeesWhatWasSaidMeanwhile(t *testing.T) {
	log := openLog(t, t.TempDir())
	here, _ := start(t, log)
	there, _ := start(t, log)
	id := []byte{1, 2, 3}
	if err := here.Append(t.Context(), putPasskey(&schemas.PasskeyPut{Id: id, User: "alice"})); err != nil {
		t.Fatal(err)
	}
	gone := errors.New("it is gone")
	asked := 0
	err := here.Amend(t.Context(), func(s *registry.Snapshot) (*schemas.Control, error) {
		asked++
		if asked == 2 { // it was asked once before anything was looked at; now somebody is faster
			if err := there.Append(t.Context(), &schemas.Control{By: "alice", Kind: &schemas.Control_PasskeyRemoved{PasskeyRemoved: &schemas.PasskeyRemoved{Id: id, User: "alice"}}}); err != nil {
				t.Fatal(err)
			}
		}
		p, ok := s.Passkey(id)
		if !ok {
			return nil, gone
		}
		return putPasskey(&schemas.PasskeyPut{Id: id, User: "alice", SignCount: p.SignCount + 1}), nil
	})
	if !errors.Is(err, gone) {
		t.Errorf("amended after it was removed: %v", err)
	}
	if p, ok := here.Snapshot().Passkey(id); ok {
		t.Errorf("it came back: %v", p)
	}
}

// TestAmendCountsEveryUse has many amend one passkey at once.
func TestAmendCountsEveryUse(t *testing.T) {
	log := openLog(t, t.TempDir())
	here, _ := start(t, log)
	there, _ := start(t, log)
	id := []byte{4}
	if err := here.Append(t.Context(), putPasskey(&schemas.PasskeyPut{Id: id, User: "alice"})); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for i := range 10 {
		all.Go(func() {
			r := []*registry.Registry{here, there}[i%2]
			err := r.Amend(t.Context(), func(s *registry.Snapshot) (*schemas.Control, error) {
				var count uint32
				if p, ok := s.Passkey(id); ok {
					count = p.SignCount
				}
				return putPasskey(&schemas.PasskeyPut{Id: id, User: "alice", SignCount: count + 1}), nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if err := here.Append(t.Context(), &schemas.Control{By: "x", Kind: &schemas.Control_UserRemoved{UserRemoved: &schemas.UserRemoved{Name: "x"}}}); err != nil { // so that here has seen it all
		t.Fatal(err)
	}
	if p, _ := here.Snapshot().Passkey(id); p.GetSignCount() != 10 {
		t.Errorf("ten uses counted %d", p.GetSignCount())
	}
}
