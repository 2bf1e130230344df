package notify

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"sallyport/schemas/approval"
)

// TeamsConfig is what NewTeams needs.
type TeamsConfig struct {
	URL   string // of a workflow that posts what it gets to a channel
	Links Links
}

// Teams tells Microsoft Teams with Adaptive Cards, through a workflow's webhook. Such a webhook posts
// only: what becomes of a request is another card.
type Teams struct {
	c    TeamsConfig
	http *http.Client
}

// NewTeams returns a Teams.
func NewTeams(c TeamsConfig) *Teams { return &Teams{c: c, http: client()} }

// Tell implements Notifier.
func (t *Teams) Tell(ctx context.Context, m Message, reference string) (string, error) {
	switch m.What {
	case approval.Reviewed, string(approval.Used), Estimated:
		return reference, nil // no news for a channel
	}
	body, err := json.Marshal(t.message(m))
	if err != nil {
		return "", Permanent(fmt.Errorf("encode: %w", err))
	}
	if _, err := post(ctx, t.http, t.c.URL, body, map[string]string{"Content-Type": "application/json"}); err != nil {
		return "", err
	}
	return m.ID, nil
}

// part is a part of a card.
type part map[string]any

// message wraps a card as workflows take it.
func (t *Teams) message(m Message) part {
	return part{"type": "message", "attachments": []part{{
		"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": nil, "content": t.card(m),
	}}}
}

const teamsText = 4000

func (t *Teams) card(m Message) part {
	facts := []part{}
	for _, f := range fields(m.State) {
		facts = append(facts, part{"title": f.name, "value": f.value})
	}
	color := "Default"
	if m.What == approval.GlassBroken {
		color = "Attention"
	}
	body := []part{
		{"type": "TextBlock", "text": title(m), "weight": "Bolder", "size": "Medium", "wrap": true, "color": color},
		{"type": "FactSet", "facts": facts},
	}
	text, whole := statement(m.State.Ask, teamsText)
	if text != "" && m.State.Ask.GetGrant() == nil { // a run of text: markdown in it means nothing
		body = append(body, part{"type": "RichTextBlock", "inlines": []part{{"type": "TextRun", "text": text, "fontType": "Monospace"}}})
	}
	if n := note(m.State.Ask, whole); n != "" {
		body = append(body, part{"type": "TextBlock", "text": n, "wrap": true, "isSubtle": true})
	}
	actions := []part{}
	if m.State.Status == approval.Pending && whole {
		for _, d := range []struct{ decision, title, style string }{{approval.Approve, "Approve", "positive"}, {approval.Deny, "Deny", "destructive"}} {
			if link := t.c.Links.For(m.State, d.decision); link != "" {
				actions = append(actions, part{"type": "Action.OpenUrl", "title": d.title, "url": link, "style": d.style})
			}
		}
	}
	if m.Link != "" {
		actions = append(actions, part{"type": "Action.OpenUrl", "title": "Open", "url": m.Link})
	}
	return part{"$schema": "http://adaptivecards.io/schemas/adaptive-card.json", "type": "AdaptiveCard", "version": "1.4",
		"msteams": part{"width": "Full"}, "body": body, "actions": actions}
}

// Patient implements Patient.
func (t *Teams) Patient() {}
