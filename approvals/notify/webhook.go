package notify

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"sallyport/schemas"
)

// WebhookConfig is what NewWebhook needs.
type WebhookConfig struct {
	URL    string
	Secret string // whsec_ and base64, as Standard Webhooks writes it
	Now    func() time.Time
}

// Webhook tells in the form of Standard Webhooks.
type Webhook struct {
	url  string
	key  []byte
	now  func() time.Time
	http *http.Client
}

// NewWebhook checks c.
func NewWebhook(c WebhookConfig) (*Webhook, error) {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(c.Secret, "whsec_"))
	if err != nil || len(key) < 24 {
		return nil, errors.New("the secret is not whsec_ and base64 of 24 bytes or more")
	}
	return &Webhook{url: c.URL, key: key, now: c.Now, http: client()}, nil
}

// webhookBody is what is sent.
type webhookBody struct {
	Type      string      `json:"type"` // approval.requested, approval.approved …; access.… for access for a time
	Timestamp string      `json:"timestamp"`
	Data      webhookData `json:"data"`
}

type webhookData struct {
	ID        string           `json:"id"`
	Status    string           `json:"status"`
	Principal string           `json:"principal"`
	Kind      string           `json:"principal_kind"`
	Starter   string           `json:"starter,omitempty"`
	Run       string           `json:"run,omitempty"`
	Target    string           `json:"target"`
	Protocol  string           `json:"protocol,omitempty"`
	Session   string           `json:"session,omitempty"`
	Command   uint64           `json:"command,omitempty"`
	Text      string           `json:"text"`  // up to 8,000 characters; secrets are markers
	Whole     bool             `json:"whole"` // text is all that a reviewer has to see
	Reasons   []string         `json:"reasons"`
	Why       string           `json:"why,omitempty"`
	Expires   string           `json:"expires"`
	By        []string         `json:"by"`
	Reason    string           `json:"reason,omitempty"`
	Link      string           `json:"link,omitempty"`
	Estimate  *webhookEstimate `json:"estimate,omitempty"` // what the target's planner expects
}

type webhookEstimate struct {
	Rows    float64 `json:"rows"`              // that would be returned or changed
	Failure string  `json:"failure,omitempty"` // there is no estimate, for this reason
}

const webhookText = 8000

// Tell implements Notifier.
func (w *Webhook) Tell(ctx context.Context, m Message, _ string) (string, error) {
	body, err := json.Marshal(webhookOf(m))
	if err != nil {
		return "", Permanent(fmt.Errorf("encode: %w", err))
	}
	at := strconv.FormatInt(w.now().Unix(), 10)
	_, err = post(ctx, w.http, w.url, body, map[string]string{
		"Content-Type": "application/json", "webhook-id": m.ID, "webhook-timestamp": at,
		"webhook-signature": "v1," + base64.StdEncoding.EncodeToString(w.sign(m.ID, at, body)),
	})
	return m.ID, err
}

// sign is HMAC-SHA256 over id.timestamp.body.
func (w *Webhook) sign(id, at string, body []byte) []byte {
	h := hmac.New(sha256.New, w.key)
	_, _ = fmt.Fprintf(h, "%s.%s.", id, at)
	_, _ = h.Write(body)
	return h.Sum(nil)
}

func webhookOf(m Message) webhookBody {
	s, a := m.State, m.State.Ask
	area := "approval."
	if a.GetGrant() != nil {
		area = "access."
	}
	d := webhookData{ID: s.ID, Status: string(s.Status), Principal: a.GetPrincipal().GetName(), Kind: "user", Starter: a.GetStarter(), Run: a.GetRun().GetId(),
		Target: a.GetTarget(), Protocol: a.GetProtocol(), Session: a.GetSession(), Command: a.GetCommand(), Reasons: []string{}, Why: a.GetReason(),
		Expires: moment(s.Expires), By: append([]string{}, s.By...), Reason: s.Reason, Link: m.Link}
	if a.GetPrincipal().GetKind() == schemas.PrincipalKind_PRINCIPAL_KIND_AGENT {
		d.Kind = "agent"
	}
	if e := s.Estimate; e != nil {
		d.Estimate = &webhookEstimate{Rows: e.GetRows(), Failure: e.GetFailure()}
	}
	d.Text, d.Whole = statement(a, webhookText)
	for _, r := range a.GetReasons() {
		d.Reasons = append(d.Reasons, r.GetMessage())
	}
	return webhookBody{Type: area + m.What, Timestamp: m.At.UTC().Format(time.RFC3339Nano), Data: d}
}
