package replay

import (
	"context"

	"sallyport/schemas"
	"sallyport/schemas/journal"
)

// EventOf returns the event that the last of a session's facts is, for goldens: as it is stored.
func EventOf(id schemas.SessionID, facts ...journal.Located) (data []byte, subject schemas.Subject, err error) {
	t := newTold(id)
	var last *event
	for _, l := range facts {
		last = t.fold(l)
	}
	data, err = last.encode("/sallyport")
	return data, last.subject(), err
}

// EventOfControl does so for a control fact.
func EventOfControl(sequence uint64, c *schemas.Control, opened *schemas.Opened) (data []byte, subject schemas.Subject, err error) {
	e, err := controlEvent(sequence, c, func(string) (*schemas.Opened, error) { return opened, nil })
	if err != nil {
		return nil, "", err
	}
	data, err = e.encode("/sallyport")
	return data, e.subject(), err
}

// Stored hands on what EVENTS holds now.
func Stored(ctx context.Context, log *journal.Log, f func(journal.Message)) error {
	head, err := log.Head(ctx, schemas.Events)
	if err != nil {
		return err
	}
	return (&Events{log: log}).upTo(ctx, schemas.Events, head, func(m journal.Message) error { f(m); return nil })
}
