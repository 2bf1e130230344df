package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"

	"sallyport/approvals"
	"sallyport/cmd/internal/client"
	"sallyport/schemas/approval"
)

// askedAgain is how often the server is asked what became of a request.
const askedAgain = time.Second

func (a *app) printAccess(raw json.RawMessage, asJSON bool) error {
	if asJSON {
		return printLines(a.Out, []json.RawMessage{raw})
	}
	var v approvals.Approval
	if err := json.Unmarshal(raw, &v); err != nil {
		return fmt.Errorf("read the server's answer: %w", err)
	}
	line := v.ID + " is " + v.Status
	if len(v.By) > 0 {
		line += " by " + printable(strings.Join(v.By, ", "))
	}
	_, err := fmt.Fprintf(a.Out, "%s: %s\n", line, printable(cmp.Or(v.Reason, v.Text)))
	return err
}

// awaitAccess prints what became of a request for access once it is granted, which spends it, or will not
// be. An error says that it will not, or that ctx is done: the request stays.
func (a *app) awaitAccess(ctx context.Context, server *client.Client, raw json.RawMessage, asJSON bool) error {
	again := time.NewTicker(askedAgain)
	defer again.Stop()
	for {
		var v approvals.Approval
		if err := json.Unmarshal(raw, &v); err != nil {
			return fmt.Errorf("read the server's answer: %w", err)
		}
		if status := approval.Status(v.Status); !status.Live() {
			if err := a.printAccess(raw, asJSON); err != nil {
				return err
			}
			if status != approval.Used {
				return fmt.Errorf("there is no access: the request is %s", status)
			}
			return nil
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		raw = nil
		if err := server.Do(ctx, "GET", "/approvals/"+url.PathEscape(v.ID), nil, nil, &raw); err != nil {
			return err
		}
	}
}
