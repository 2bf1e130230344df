package server

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"sallyport/approvals/notify"
	"sallyport/cmd/internal/api"
	"sallyport/cmd/internal/config"
	"sallyport/ingress/credential"
	"sallyport/schemas"
	"sallyport/schemas/approval"
	"sallyport/schemas/problem"
)

// notifying is what tells people elsewhere, and what comes back from there.
type notifying struct {
	service *notify.Service
	links   notify.Links
	hooks   map[string]http.Handler // by path
}

// openNotify makes the notifiers that the configuration names.
func (m *Main) openNotify(ctx context.Context) error {
	if m.approvals == nil {
		return nil
	}
	key, err := credential.LoadKey(m.config.KeyFile("links"))
	if err != nil {
		return err
	}
	n := &notifying{links: notify.Links{PublicURL: m.publicURL(), Key: key, Now: time.Now}, hooks: map[string]http.Handler{}}
	var routes []notify.Route
	for _, c := range m.config.Approvals.Notify {
		r := notify.Route{Name: c.Name}
		if r.Kind, r.Notifier, err = m.notifier(c, n); err != nil {
			return fmt.Errorf("notifier %s: %w", c.Name, err)
		}
		if len(c.Targets) > 0 {
			r.Targets = func(target string) bool { return slices.Contains(c.Targets, target) }
		}
		routes = append(routes, r)
	}
	n.service, err = notify.New(ctx, notify.Config{Log: m.log, Routes: routes, Link: m.approvalLink, Logger: m.logger, Now: time.Now})
	m.notify = n
	return err
}

func (m *Main) approvalLink(id string) string {
	if m.publicURL() == "" {
		return ""
	}
	return m.publicURL() + "/approvals/" + id
}

func (m *Main) notifier(c config.Notifier, n *notifying) (string, notify.Notifier, error) {
	switch {
	case c.Slack != nil:
		s, err := m.slack(c, n)
		return "slack", s, err
	case c.Teams != nil:
		url, err := c.Teams.URL.Read()
		return "teams", notify.NewTeams(notify.TeamsConfig{URL: url, Links: n.links}), err
	case c.Email != nil:
		e := c.Email
		password := ""
		if e.Username != "" {
			var err error
			if password, err = e.Password.Read(); err != nil {
				return "", nil, err
			}
		}
		mail, err := notify.NewMail(notify.MailConfig{Server: e.Server, From: e.From, To: e.To, Username: e.Username, Password: password, Plain: e.Plain, Links: n.links})
		return "email", mail, err
	}
	secret, err := c.Webhook.Secret.Read()
	if err != nil {
		return "", nil, err
	}
	w, err := notify.NewWebhook(notify.WebhookConfig{URL: c.Webhook.URL, Secret: secret, Now: time.Now})
	return "webhook", w, err
}

func (m *Main) slack(c config.Notifier, n *notifying) (*notify.Slack, error) {
	token, err := c.Slack.Token.Read()
	if err != nil {
		return nil, err
	}
	s := notify.NewSlack(notify.SlackConfig{API: c.Slack.API, Token: token, Channel: c.Slack.Channel})
	if !c.Slack.SigningSecret.Given() {
		return s, nil
	}
	secret, err := c.Slack.SigningSecret.Read()
	if err != nil {
		return nil, err
	}
	n.hooks["/hooks/slack/"+c.Name], err = notify.NewSlackHooks(notify.SlackHooksConfig{
		Slack: s, SigningSecret: secret, Users: c.Slack.Users, Respond: c.Slack.Respond, Decide: m.decideAs, NeedsReason: m.needsReason,
		Now: time.Now, Logger: m.logger,
	})
	return s, err
}

// decideAs reviews a request as a person who pressed a button elsewhere.
func (m *Main) decideAs(ctx context.Context, person, request, decision, reason string) (approval.State, error) {
	ctx, err := api.As(ctx, m.registry.Snapshot().Tokens(person, time.Now()))
	if err != nil {
		return approval.State{}, err
	}
	state, err := m.approvals.Look(ctx, request)
	if err != nil {
		return state, err
	}
	if state.NeedsStepUp() && decision == approval.Approve { // a button proves no passkey
		return state, &schemas.Error{Code: schemas.CodeStepUp, Message: "this request is approved in the web app, with a passkey"}
	}
	return m.approvals.Review(ctx, request, decision, reason)
}

// needsReason reports whether a request asks its reviewers for a reason.
func (m *Main) needsReason(ctx context.Context, request string) bool {
	state, err := m.approvals.Look(api.Administrator(ctx), request)
	return err == nil && slices.ContainsFunc(state.Ask.GetNeed().GetRules(), (*schemas.ApprovalRule).GetReasonRequired)
}

func (m *Main) startNotify(g *errgroup.Group, ctx context.Context) {
	if m.notify != nil && m.services.Approvals {
		g.Go(func() error { return named("notify", m.notify.service.Run(ctx)) })
	}
}

// mountNotify adds what administrators ask about deliveries.
func (m *Main) mountNotify(mux *http.ServeMux) {
	if m.notify == nil {
		return
	}
	mux.HandleFunc("GET /api/v1/approvals/deliveries", func(w http.ResponseWriter, r *http.Request) {
		err := m.access.Authorize(r.Context(), "admin", "")
		limit := 100
		if text := r.URL.Query().Get("limit"); err == nil && text != "" {
			if limit, err = strconv.Atoi(text); err != nil || limit < 1 || limit > 1000 {
				err = &schemas.Error{Code: schemas.CodeInvalid, Message: "limit is not a number from 1 to 1000"}
			}
		}
		var out *notify.Deliveries
		if err == nil {
			out, err = m.notify.service.Status(r.Context(), limit)
		}
		if err != nil {
			problem.Write(w, r, m.logger, err)
			return
		}
		api.Reply(w, m.logger, out)
	})
}

// mountPublic adds what is asked without signing in: what others sign.
func (m *Main) mountPublic(mux *http.ServeMux) {
	if m.notify == nil {
		return
	}
	mux.Handle("GET /decide", m.notify.links)
	for path, h := range m.notify.hooks {
		mux.Handle("POST "+path, h)
	}
}

// notifyMetrics tells how notifiers stand when scraped.
type notifyMetrics struct {
	m                *Main
	outcome, running *prometheus.Desc
}

func (m *Main) notifyMetrics() prometheus.Collector {
	return &notifyMetrics{m: m,
		outcome: prometheus.NewDesc("sallyport_approval_deliveries", "Requests that a notifier was told of, or is to be, in the last 30 days.", []string{"notifier", "kind", "outcome"}, nil),
		running: prometheus.NewDesc("sallyport_approval_notifier_running", "1 while some process delivers for a notifier.", []string{"notifier", "kind"}, nil)}
}

// Describe implements prometheus.Collector.
func (c *notifyMetrics) Describe(to chan<- *prometheus.Desc) { to <- c.outcome; to <- c.running }

// Collect implements prometheus.Collector.
func (c *notifyMetrics) Collect(to chan<- prometheus.Metric) {
	if c.m.notify == nil || len(c.m.config.Approvals.Notify) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), scrapeDeadline)
	defer cancel()
	status, err := c.m.notify.service.Status(ctx, 0)
	if err != nil {
		return // left out of the scrape
	}
	for _, n := range status.Notifiers {
		for outcome, count := range map[string]int{"delivered": n.Delivered, "retrying": n.Retrying, "failed": n.Failed} {
			to <- prometheus.MustNewConstMetric(c.outcome, prometheus.GaugeValue, float64(count), n.Name, n.Kind, outcome)
		}
		running := 0.0
		if n.Running {
			running = 1
		}
		to <- prometheus.MustNewConstMetric(c.running, prometheus.GaugeValue, running, n.Name, n.Kind)
	}
}
