package demo

import (
	"context"
	"fmt"
	"net/url"

	"sallyport/approvals"
	"sallyport/cmd/internal/api"
	"sallyport/cmd/internal/client"
)

// reviewer is somebody who decides, over the API and with a token of their own.
type reviewer struct {
	token  string
	client *client.Client
}

func (d *demo) reviewer(ctx context.Context) (*reviewer, error) {
	made, err := d.token(ctx, api.NewToken{User: bob, Groups: []string{bobGroup}, TTL: "8h"})
	if err != nil {
		return nil, err
	}
	c, err := client.New(client.Config{URL: "http://" + d.server.Address("web"), Token: made.Token})
	return &reviewer{token: made.Token, client: c}, err
}

func (d *demo) dropRefused(ctx context.Context, token string) error {
	return d.reviewed(ctx, token, "deny", "customers are still needed",
		[]string{"DROP TABLE customers;", "SELECT count(*) AS still_there FROM customers;"},
		"NOTICE:  held for approval: destructive SQL needs a DBA", "ERROR:  refused: denied by "+bob+": customers are still needed", "still_there", "(1 row)")
}

func (d *demo) dropApproved(ctx context.Context, token string) error {
	return d.reviewed(ctx, token, "approve", "it is in the archive", []string{"DROP TABLE orders_2024;"}, "NOTICE:  held for approval", "DROP TABLE")
}

// reviewed runs statements of which the first is held, while bob decides.
func (d *demo) reviewed(ctx context.Context, token, decision, reason string, statements []string, wanted ...string) error {
	decided := make(chan error, 1)
	go func() { decided <- d.decide(ctx, "orders", statements[0], decision, reason) }()
	out, err := d.psql(ctx, token, statements...)
	if err != nil {
		return err
	}
	if err := <-decided; err != nil {
		return err
	}
	return expect(out, wanted...)
}

// decide waits until bob sees the request for a command on a target, and reviews it.
func (d *demo) decide(ctx context.Context, target, text, decision, reason string) error {
	for {
		var l approvals.Listed
		if err := d.bob.client.Do(ctx, "GET", "/approvals", url.Values{"target": {target}}, nil, &l); err != nil {
			return fmt.Errorf("list requests: %w", err)
		}
		for _, a := range l.Approvals {
			if a.Text != text {
				continue
			}
			d.say("   bob sees %s of %s: %s", a.ID, a.Principal, a.Text)
			d.say("   bob$ sallyport approvals %s %s --reason %q", decision, a.ID, reason)
			in := approvals.NewReview{Decision: decision, Reason: reason}
			if err := d.bob.client.Do(ctx, "POST", "/approvals/"+a.ID+"/reviews", nil, in, nil); err != nil {
				return fmt.Errorf("review: %w", err)
			}
			return nil
		}
		if err := pause(ctx); err != nil {
			return fmt.Errorf("no request came: %w", err)
		}
	}
}
