package replay

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"

	"sallyport/schemas"
	"sallyport/schemas/journal"
)

// Bounds of one answer about a run. What is beyond them is said to be, and the session has it.
const (
	mostChainSessions = 50
	mostSteps         = 1000    // in all sessions
	mostStepText      = 2 << 10 // bytes of a command
)

// RunChain is what became of a prompt.
type RunChain struct {
	RunSummary
	Prompt   *string        `json:"prompt"` // null: withheld from this reader
	Sessions []ChainSession `json:"sessions"`
	More     bool           `json:"more"` // there are more sessions than these
	Children []RunSummary   `json:"children"`
}

// ChainSession is one session of a run with its commands.
type ChainSession struct {
	Session
	Steps []Step `json:"steps"`
	More  bool   `json:"more"` // there are more commands than these
}

// Step is a command and what became of it.
type Step struct {
	Number     uint64            `json:"number"`
	At         time.Time         `json:"at"`
	Kind       string            `json:"command_kind"`
	Text       string            `json:"text"`
	Cut        bool              `json:"cut"` // the text goes on
	Kinds      []string          `json:"kinds"`
	Attributes map[string]string `json:"attributes"`
	Verdict    *Verdict          `json:"verdict"`
	Approval   *StepApproval     `json:"approval"` // null: it was not held
	Masked     []MaskCount       `json:"masked"`
	Result     *Result           `json:"result"` // null: none yet
	Link       string            `json:"link"`
}

// StepApproval is what a command waited for, and what came of it.
type StepApproval struct {
	ID       string   `json:"id"`
	Decision string   `json:"decision"` // empty: it waits
	By       []string `json:"by"`
	Reason   string   `json:"reason"`
	Link     string   `json:"link"` // of the request; empty: it is not for this reader
}

// chain reads what a run's sessions did. Each is a recording that is read.
func (s *Service) chain(ctx context.Context, sum *RunSummary) (*RunChain, error) {
	c := &RunChain{RunSummary: *sum, Sessions: []ChainSession{}, Children: []RunSummary{}}
	if sum.whole {
		prompt, err := s.Runs.Prompt(ctx, &sum.Run)
		if err != nil {
			return nil, err
		}
		c.Prompt = &prompt
	}
	room := mostSteps
	for i, one := range sum.sessions {
		if i == mostChainSessions {
			c.More = true
			break
		}
		if err := s.viewOnce(ctx, one, viewRun); err != nil {
			return nil, err
		}
		steps, more, err := s.steps(ctx, one.ID, room)
		if err != nil {
			return nil, err
		}
		if err := s.linkRequests(ctx, one, steps); err != nil {
			return nil, err
		}
		room -= len(steps)
		c.Sessions = append(c.Sessions, ChainSession{Session: one, Steps: steps, More: more})
	}
	return c, nil
}

// linkRequests leads from held commands to their requests, for those who may see these: who asked, and who may review.
func (s *Service) linkRequests(ctx context.Context, one Session, steps []Step) error {
	if !slices.ContainsFunc(steps, func(step Step) bool { return step.Approval != nil }) {
		return nil
	}
	if s.Who(ctx) != one.Principal {
		may, err := s.allowed(ctx, map[[2]string]bool{}, "review", one.Target)
		if err != nil || !may {
			return err
		}
	}
	for _, step := range steps {
		if step.Approval != nil {
			step.Approval.Link = "/approvals/" + url.PathEscape(step.Approval.ID)
		}
	}
	return nil
}

// steps reads the first commands of a session, at most so many, with what is known of each now.
func (s *Service) steps(ctx context.Context, id schemas.SessionID, most int) (steps []Step, more bool, err error) {
	steps = []Step{}
	at := map[uint64]int{}
	err = s.Log.ReadSession(ctx, id, journal.ReadOptions{Facts: true}, func(l journal.Located) error {
		if c := l.Entry.GetCommand(); c != nil {
			if len(steps) == most {
				more = true
				return errEnough
			}
			at[l.Entry.GetNumber()] = len(steps)
			steps = append(steps, newStep(id, l, c))
			return nil
		}
		if i, ok := at[commandOf(l.Entry)]; ok {
			steps[i].fold(l.Entry)
		}
		return nil
	})
	if errors.Is(err, errEnough) || errors.Is(err, journal.ErrNotFound) {
		err = nil
	}
	return steps, more, err
}

func newStep(id schemas.SessionID, l journal.Located, c *schemas.Command) Step {
	text := c.GetText()
	short := text[:min(len(text), mostStepText)]
	for len(short) < len(text) && len(short) > 0 && text[len(short)]&0xC0 == 0x80 { // not within a character
		short = short[:len(short)-1]
	}
	kinds := list(c.GetSql().GetKinds())
	for _, e := range c.GetExec().GetCommands() {
		kinds = append(kinds, e.GetProgram())
	}
	if o := c.GetOperation(); o != nil && short == "" {
		short = o.GetOperation() + " " + o.GetPath()
	}
	return Step{
		Number: l.Entry.GetNumber(), At: at(l), Kind: commandKind(c.GetKind()), Text: short, Cut: c.GetTextSize() > uint64(len(short)),
		Kinds: kinds, Attributes: labels(c.GetAttributes()), Masked: []MaskCount{},
		Link: fmt.Sprintf("/sessions/%s?at=%d", id, l.Entry.GetNumber()),
	}
}

// commandOf is the command that a fact is about; 0: none.
func commandOf(e *schemas.Entry) uint64 {
	switch k := e.GetKind().(type) {
	case *schemas.Entry_Verdict:
		return k.Verdict.GetCommand()
	case *schemas.Entry_Held:
		return k.Held.GetCommand()
	case *schemas.Entry_Decided:
		return k.Decided.GetCommand()
	case *schemas.Entry_Masked:
		return k.Masked.GetCommand()
	case *schemas.Entry_Result:
		return k.Result.GetCommand()
	}
	return 0
}

func (s *Step) fold(e *schemas.Entry) {
	switch k := e.GetKind().(type) {
	case *schemas.Entry_Verdict:
		s.Verdict = verdict(k.Verdict)
	case *schemas.Entry_Held:
		s.Approval = &StepApproval{ID: k.Held.GetApproval(), By: []string{}}
	case *schemas.Entry_Decided:
		d := k.Decided
		s.Approval = &StepApproval{ID: d.GetApproval(), Decision: d.GetDecision(), By: list(d.GetBy()), Reason: d.GetReason()}
	case *schemas.Entry_Masked:
		s.Masked = append(s.Masked, maskCounts(k.Masked.GetCounts())...)
	case *schemas.Entry_Result:
		s.Result = result(k.Result)
	}
}
