package session

import (
	"context"

	"sallyport/schemas"
)

// Observe judges and records a command line that was seen to be typed: the target has it already. A decision
// is returned when it ends the session, with what to tell; what is told otherwise is on the log. It may be called
// from several goroutines.
func (s *Session) Observe(ctx context.Context, login string, o *schemas.Observed) (ends *Decision, err error) {
	c := Command{Kind: schemas.CommandKind_COMMAND_KIND_LINE, Text: o.Text, Login: login, Observed: true}
	d, err := s.Judge(ctx, c)
	if err != nil {
		return nil, err
	}
	outcome := d.Outcome
	if d.Failure != "" { // nobody judged it: people are told, and nothing ends for that
		outcome = schemas.Outcome_OUTCOME_HOLD
	}
	fact := &schemas.Observed{
		Command: o.Command, Text: cut(s.shown(ctx, c, d), maxText), Source: o.Source, Ended: o.Ended, ExitStatus: o.ExitStatus,
		Digest: s.Digest(o.Text, nil), Exec: d.exec(ctx),
	}
	number, err := s.w.Fact(&schemas.Entry{At: s.now(), Kind: &schemas.Entry_Observed{Observed: fact}})
	if err != nil {
		return nil, s.fail(err)
	}
	if _, err := s.w.Fact(&schemas.Entry{At: s.now(), Kind: &schemas.Entry_Verdict{Verdict: &schemas.Verdict{
		Command: number, Outcome: outcome, Reasons: d.Reasons, Revision: d.Revision,
	}}}); err != nil {
		return nil, s.fail(err)
	}
	if err := s.Commit(ctx); err != nil {
		return nil, err
	}
	if outcome == schemas.Outcome_OUTCOME_DENY {
		return d, nil
	}
	return nil, nil
}
