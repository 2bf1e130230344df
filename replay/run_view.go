package replay

import (
	"context"
	"time"

	"sallyport/schemas"
)

// RunSummary is a run with what its reader may know of it.
type RunSummary struct {
	Run
	Title string    `json:"title"` // beginning of the prompt, on one line; empty: withheld
	Tally Tally     `json:"tally"` // of the sessions that the reader may see
	Last  time.Time `json:"last"`  // when something last happened: it, or a session of it, was opened or closed

	sessions []Session // that the reader may see
	whole    bool      // the reader may read the prompt
}

// Tally counts what sessions did.
type Tally struct {
	Sessions uint64 `json:"sessions"`
	Open     uint64 `json:"open"`
	Commands uint64 `json:"commands"`
	Rows     uint64 `json:"rows"`
	Denied   uint64 `json:"denied"`
	Held     uint64 `json:"held"`
	Errors   uint64 `json:"errors"`
}

// runReader decides what one reader may know of runs, within one request.
type runReader struct {
	s     *Service
	ctx   context.Context // of that request
	known map[[2]string]bool
	admin bool
}

func (s *Service) runReader(ctx context.Context) (*runReader, error) {
	v := &runReader{s: s, ctx: ctx, known: map[[2]string]bool{}}
	var err error
	v.admin, err = s.allowed(ctx, v.known, "admin", "")
	return v, err
}

// Prompts returns what says, within one request, which prompts its reader may read, with their beginnings.
func (s *Service) Prompts(ctx context.Context) (func(schemas.RunID) (beginning string, readable bool, err error), error) {
	if err := s.waitRuns(ctx); err != nil {
		return nil, err
	}
	v, err := s.runReader(ctx)
	if err != nil {
		return nil, err
	}
	return func(id schemas.RunID) (string, bool, error) {
		one := s.Runs.get(id)
		if one == nil {
			return "", false, nil // opened just now, and not known here yet
		}
		sum, err := v.see(one)
		if err != nil || sum == nil || !sum.whole {
			return "", false, err
		}
		return sum.Title, true, nil
	}, nil
}

// owns reports whether the reader is the run's agent, or the person behind it.
func (v *runReader) owns(one *Run) bool {
	p := v.s.Reader(v.ctx)
	if p.GetKind() == schemas.PrincipalKind_PRINCIPAL_KIND_AGENT {
		return p.GetName() == one.Agent
	}
	return p.GetName() != "" && p.GetName() == one.Starter
}

// see returns what the reader may know of a run, nil for nothing. Who may look at one of its sessions
// sees the run and those sessions; the prompt is for those who may look at all of them, for its owner,
// and for administrators.
func (v *runReader) see(one *Run) (*RunSummary, error) {
	sum := &RunSummary{Run: *one, Last: one.Opened}
	whole := true
	for _, of := range v.s.Sessions.view.ofRun(string(one.ID)) {
		session := of.shown(v.s.Now())
		ok, err := v.s.allowed(v.ctx, v.known, permission(session), session.Target)
		if err != nil {
			return nil, err
		}
		if !ok {
			whole = false
			continue
		}
		sum.sessions = append(sum.sessions, session)
		sum.count(session)
	}
	sum.whole = v.admin || v.owns(one) || whole && len(sum.sessions) > 0
	if !sum.whole && len(sum.sessions) == 0 {
		return nil, nil
	}
	if sum.whole {
		sum.Title = one.title
	}
	return sum, nil
}

func (sum *RunSummary) count(s Session) {
	t := &sum.Tally
	t.Sessions++
	if s.Open {
		t.Open++
	}
	t.Commands += s.Commands
	t.Rows += s.Rows
	t.Denied += s.Denied
	t.Held += s.Held
	t.Errors += s.Errors
	for _, at := range []*time.Time{&s.Opened, s.Closed} {
		if at != nil && at.After(sum.Last) {
			sum.Last = *at
		}
	}
}

// waitRuns returns once runs and sessions can be listed.
func (s *Service) waitRuns(ctx context.Context) error {
	if s.Runs == nil {
		return &schemas.Error{Code: schemas.CodeUnavailable, Message: "runs are not listed by this process"}
	}
	if err := s.Runs.wait(ctx); err != nil {
		return err
	}
	return s.Sessions.wait(ctx)
}
