package search

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"sallyport/schemas"
	"sallyport/schemas/journal"
	"sallyport/search/internal/query"
	"sallyport/search/internal/words"
)

// PromptReader says what one reader may know of a run's prompt: its beginning on one line, and whether they may read it.
type PromptReader func(run schemas.RunID) (beginning string, readable bool, err error)

// mostPromptRuns bounds the runs that one prompt: may stand for.
const mostPromptRuns = 10_000

// prompts are the words of the prompts of all runs: a fold over what CONTROL says of them, in memory, about as large as
// the prompts. They are no documents of the index, because who may read a prompt depends on all that its run did, and
// changes with it. Its methods are safe for concurrent use.
type prompts struct {
	mu    sync.RWMutex
	runs  []schemas.RunID
	seen  map[schemas.RunID]bool
	at    map[string][]spot // by term, in order
	known journal.Passed    // of CONTROL, as far as it tells of runs
}

// ofRuns are the subjects of what CONTROL says of runs.
const ofRuns = schemas.Subject("sallyport.control." + schemas.AreaRun + ".*")

// spot is where a term stands: its position in the prompt of the run of that index.
type spot struct{ run, position uint32 }

func newPrompts() *prompts {
	return &prompts{seen: map[schemas.RunID]bool{}, at: map[string][]spot{}}
}

// follow reads the prompts that are on the log and those that come, until ctx is done. It can be called again.
func (p *prompts) follow(ctx context.Context, c *Config) error {
	err := c.Log.Consume(ctx, journal.ConsumeConfig{Stream: schemas.Controls, Subjects: []schemas.Subject{ofRuns}, Linger: linger}, func(ms []journal.Message, _ bool) error {
		for _, m := range ms {
			fact := new(schemas.Control)
			if err := fact.UnmarshalVT(m.Data); err != nil {
				c.Logger.Error("a prompt cannot be searched: its fact cannot be read", "sequence", m.Sequence, "error", err)
				continue
			}
			p.add(schemas.RunID(fact.GetRunOpened().GetRun().GetId()), fact.GetRunOpened().GetPrompt())
		}
		if len(ms) > 0 {
			p.known.Pass(ms[len(ms)-1].Sequence)
		}
		return nil
	})
	return unlessDone(ctx, err)
}

func (p *prompts) add(run schemas.RunID, text string) {
	if run == "" {
		return
	}
	tokens := words.Split(text)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.seen[run] {
		return
	}
	p.seen[run] = true
	n := uint32(len(p.runs))
	p.runs = append(p.runs, run)
	for _, t := range tokens {
		p.at[t.Term] = append(p.at[t.Term], spot{n, uint32(t.Position)})
	}
}

// wait returns once what is on the log now is in here: a session that is found began after its run was opened, so that its
// prompt is found with it.
func (p *prompts) wait(ctx context.Context, log Log) error {
	ctx, cancel := context.WithTimeout(ctx, longestWait)
	defer cancel()
	last, err := log.HeadOf(ctx, schemas.Controls, ofRuns)
	if err != nil {
		return fmt.Errorf("find the last run: %w", err)
	}
	if err := p.known.Await(ctx, last); err != nil {
		return &schemas.Error{Code: schemas.CodeUnavailable, Message: "prompts cannot be searched yet", Hint: "try again", Err: err}
	}
	return nil
}

// find returns the runs in whose prompt the words of a term stand in a row, or a word that begins so.
func (p *prompts) find(t query.Term) []schemas.RunID {
	p.mu.RLock()
	defer p.mu.RUnlock()
	var found []uint32
	if t.Prefix {
		prefix, _ := words.Prefix(t.Value)
		for term, at := range p.at {
			if strings.HasPrefix(term, prefix) {
				found = append(found, runsOf(at)...)
			}
		}
	} else {
		found = p.inARow(words.Phrase(t.Value))
	}
	slices.Sort(found)
	found = slices.Compact(found)
	out := make([]schemas.RunID, len(found))
	for i, n := range found {
		out[i] = p.runs[n]
	}
	return out
}

// inARow goes from where the rarest of the terms stands.
func (p *prompts) inARow(terms []string) []uint32 {
	rarest := -1
	for i, t := range terms {
		if t != "" && (rarest < 0 || len(p.at[t]) < len(p.at[terms[rarest]])) {
			rarest = i
		}
	}
	if rarest < 0 {
		return nil
	}
	var starts []spot
	for _, at := range p.at[terms[rarest]] {
		if int(at.position) > rarest {
			starts = append(starts, spot{at.run, at.position - uint32(rarest)})
		}
	}
	for i, t := range terms {
		if t == "" || i == rarest {
			continue
		}
		all := p.at[t]
		starts = slices.DeleteFunc(starts, func(s spot) bool {
			_, there := slices.BinarySearchFunc(all, spot{s.run, s.position + uint32(i)}, compareSpots)
			return !there
		})
	}
	return runsOf(starts)
}

func compareSpots(a, b spot) int {
	if a.run != b.run {
		return int(int64(a.run) - int64(b.run))
	}
	return int(int64(a.position) - int64(b.position))
}

func runsOf(at []spot) []uint32 {
	out := make([]uint32, 0, len(at))
	for _, a := range at {
		if len(out) == 0 || out[len(out)-1] != a.run {
			out = append(out, a.run)
		}
	}
	return out
}

// promptRuns finds, for each prompt: of a query, the runs whose prompt matches and may be read. It asks others, so it is
// done before the index is held.
func (s *Service) promptRuns(ctx context.Context, n query.Node, read PromptReader) (map[query.Term][]schemas.RunID, error) {
	out := map[query.Term][]schemas.RunID{}
	for _, t := range promptTerms(n) {
		if read == nil {
			return nil, &schemas.Error{Code: schemas.CodeUnsupported, Message: "prompts are not searched by this process"}
		}
		if err := s.prompts.wait(ctx, s.c.Log); err != nil {
			return nil, err
		}
		found := s.prompts.find(t)
		if len(found) > mostPromptRuns {
			return nil, &schemas.Error{Code: schemas.CodeInvalid, Message: fmt.Sprintf("%s stands for more than %d runs", t, mostPromptRuns), Hint: "say more of the prompt"}
		}
		var unreadable error
		found = slices.DeleteFunc(found, func(run schemas.RunID) bool {
			_, readable, err := read(run)
			if err != nil && unreadable == nil {
				unreadable = fmt.Errorf("ask who may read a prompt: %w", err)
			}
			return !readable
		})
		if unreadable != nil {
			return nil, unreadable
		}
		out[t] = found
	}
	return out, ctx.Err()
}

// promptTerms are the prompt: of a query.
func promptTerms(n query.Node) []query.Term {
	switch n := n.(type) {
	case query.And:
		return slices.Concat(each(n.Nodes, promptTerms)...)
	case query.Or:
		return slices.Concat(each(n.Nodes, promptTerms)...)
	case query.Not:
		return promptTerms(n.Node)
	case query.Term:
		if n.Field == query.Prompt {
			return []query.Term{n}
		}
	}
	return nil
}

// ofRuns is what was done in any of the runs.
func (v *view) ofRuns(runs []schemas.RunID) (set, error) {
	out := make(set, len(v.segments))
	for _, run := range runs {
		one, err := v.postings(string(query.Run), strings.ToLower(string(run)))
		if err != nil {
			return nil, err
		}
		out = or(out, one)
	}
	return out, nil
}

// promptReader asks what the reader whom ctx tells of may read once somebody wants to know; nil: nobody reads any prompt.
func (s *Service) promptReader(ctx context.Context) PromptReader {
	if s.c.Prompts == nil {
		return nil
	}
	var read PromptReader
	return func(run schemas.RunID) (string, bool, error) {
		if read == nil {
			var err error
			if read, err = s.c.Prompts(ctx); err != nil {
				return "", false, err
			}
		}
		return read(run)
	}
}

// prompted adds to hits of runs the beginning of the prompt that started them.
func prompted(hits []Hit, read PromptReader) error {
	if read == nil {
		return nil
	}
	known := map[schemas.RunID]string{}
	for i, h := range hits {
		if h.Run == "" {
			continue
		}
		if _, asked := known[h.Run]; !asked {
			beginning, readable, err := read(h.Run)
			if err != nil {
				return fmt.Errorf("ask who may read a prompt: %w", err)
			}
			if !readable {
				beginning = ""
			}
			known[h.Run] = beginning
		}
		hits[i].Prompt = known[h.Run]
	}
	return nil
}
