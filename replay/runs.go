package replay

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"sallyport/schemas"
	"sallyport/schemas/journal"
)

// Run is one task of an agent, as it was opened.
type Run struct {
	ID           schemas.RunID     `json:"id"`
	Agent        string            `json:"agent"`
	Opened       time.Time         `json:"opened"`
	By           string            `json:"by"`      // who opened it
	Starter      string            `json:"starter"` // person behind that, if known
	Model        string            `json:"model"`
	Parent       schemas.RunID     `json:"parent"` // empty: none
	Attributes   map[string]string `json:"attributes"`
	Traceparent  string            `json:"traceparent"`
	PromptDigest string            `json:"prompt_digest"` // keyed
	PromptSize   int               `json:"prompt_size"`   // bytes, as recorded
	Masked       []MaskCount       `json:"masked"`        // what masks took out of the prompt

	title    string // beginning of the prompt
	sequence uint64 // of the control fact, which has the prompt
}

// titleSize bounds what is kept of a prompt to be listed, in bytes.
const titleSize = 240

// Runs is the list of runs, in memory: a fold over what CONTROL says of them. Prompts are read from the
// log when they are shown. Its methods are safe for concurrent use; Run is called once.
type Runs struct {
	log    *journal.Log
	logger *slog.Logger

	mu       sync.RWMutex
	byID     map[schemas.RunID]*Run
	order    []*Run // oldest first; the items are never changed
	children map[schemas.RunID][]*Run
	known    journal.Passed // of CONTROL, as far as it tells of runs
}

// ofRuns are the subjects of what CONTROL says of runs.
const ofRuns = schemas.Subject("sallyport.control." + schemas.AreaRun + ".*")

// NewRuns returns Runs that are empty until Run runs. The logger is told of facts that cannot be read.
func NewRuns(log *journal.Log, logger *slog.Logger) *Runs {
	return &Runs{log: log, logger: logger, byID: map[schemas.RunID]*Run{}, children: map[schemas.RunID][]*Run{}}
}

// Run follows the log until ctx is done (it then returns nil) or something fails for good.
func (r *Runs) Run(ctx context.Context) error {
	err := r.log.Consume(ctx, journal.ConsumeConfig{Stream: schemas.Controls, Subjects: []schemas.Subject{ofRuns}, Linger: linger}, func(ms []journal.Message, _ bool) error {
		for _, m := range ms {
			_, opened := r.readRun(m)
			r.add(opened)
		}
		if len(ms) > 0 {
			r.known.Pass(ms[len(ms)-1].Sequence)
		}
		return nil
	})
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func (r *Runs) add(one *Run) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if one == nil || r.byID[one.ID] != nil {
		return
	}
	r.byID[one.ID] = one
	r.order = append(r.order, one)
	if one.Parent != "" {
		r.children[one.Parent] = append(r.children[one.Parent], one)
	}
}

// readRun returns the run that a message opens, with its prompt; nil for another fact, and one that cannot be read.
func (r *Runs) readRun(m journal.Message) (prompt string, one *Run) {
	c := readControl(m, r.logger)
	o := c.GetRunOpened()
	if o == nil {
		return "", nil
	}
	at := m.Time
	if c.GetAt() != 0 {
		at = nanos(c.GetAt())
	}
	one = &Run{
		ID: schemas.RunID(o.GetRun().GetId()), Agent: o.GetRun().GetAgent(), Opened: at, By: c.GetBy(), Starter: o.GetStarter(),
		Model: o.GetRun().GetModel(), Parent: schemas.RunID(o.GetRun().GetParent()), Attributes: labels(o.GetAttributes()),
		Traceparent: o.GetTraceparent(), PromptDigest: o.GetRun().GetPromptDigest(), PromptSize: len(o.GetPrompt()),
		Masked: maskCounts(o.GetMasked()), title: title(o.GetPrompt()), sequence: m.Sequence,
	}
	return o.GetPrompt(), one
}

// title is the beginning of a prompt on one line.
func title(prompt string) string {
	t := strings.Join(strings.Fields(prompt[:min(len(prompt), 4*titleSize)]), " ")
	if len(t) > titleSize {
		t = t[:titleSize]
	}
	for !utf8.ValidString(t) {
		t = t[:len(t)-1]
	}
	return strings.Clone(t) // so that the whole prompt is not kept
}

// longestWait is how long a request waits for the list of runs.
const longestWait = 30 * time.Second

// wait returns once what is on the log now is in here.
func (r *Runs) wait(ctx context.Context) error {
	ctx, cancel := deadline(ctx, longestWait)
	defer cancel()
	last, err := r.log.HeadOf(ctx, schemas.Controls, ofRuns)
	if err != nil {
		return fmt.Errorf("find the last run: %w", err)
	}
	if err := r.known.Await(ctx, last); err != nil {
		return &schemas.Error{Code: schemas.CodeUnavailable, Message: "the list of runs is not ready yet", Hint: "try again", Err: err}
	}
	return nil
}

// Get returns a run; a schemas.Error when there is none. One that was opened just now is found too.
func (r *Runs) Get(ctx context.Context, id schemas.RunID) (*Run, error) {
	if err := r.wait(ctx); err != nil {
		return nil, err
	}
	if one := r.get(id); one != nil {
		return one, nil
	}
	return nil, &schemas.Error{Code: schemas.CodeNotFound, Message: fmt.Sprintf("there is no run %q", string(id))}
}

func (r *Runs) get(id schemas.RunID) *Run {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.byID[id]
}

// Prompt returns what a run began with, as masks left it.
func (r *Runs) Prompt(ctx context.Context, one *Run) (string, error) {
	prompt, found, err := r.read(ctx, one.ID, one.sequence)
	if err == nil && found == nil {
		err = fmt.Errorf("the log no longer has the prompt of %s", one.ID)
	}
	return prompt, err
}

// read looks for a run on the log itself.
func (r *Runs) read(ctx context.Context, id schemas.RunID, from uint64) (prompt string, one *Run, err error) {
	c := journal.ConsumeConfig{Stream: schemas.Controls, Subjects: []schemas.Subject{schemas.ControlSubject(schemas.AreaRun, string(id))}, From: from}
	err = r.log.Consume(ctx, c, func(ms []journal.Message, caughtUp bool) error {
		for _, m := range ms {
			text, opened := r.readRun(m)
			if opened != nil && opened.ID == id {
				prompt, one = text, opened
				return errEnough
			}
		}
		if caughtUp {
			return errEnough
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return prompt, one, errors.Join(err, ctx.Err())
}

// below returns the runs that a run started, oldest first.
func (r *Runs) below(id schemas.RunID) []*Run {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.children[id]
}

// before returns up to most runs older than a sequence, newest first; 0: from the newest on.
func (r *Runs) before(sequence uint64, most int) []*Run {
	r.mu.RLock()
	defer r.mu.RUnlock()
	end := len(r.order)
	if sequence > 0 {
		end, _ = slices.BinarySearchFunc(r.order, sequence, func(one *Run, s uint64) int { return cmp.Compare(one.sequence, s) })
	}
	out := make([]*Run, 0, most)
	for i := end - 1; i >= 0 && len(out) < most; i-- {
		out = append(out, r.order[i])
	}
	return out
}
