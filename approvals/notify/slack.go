package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"sallyport/schemas/approval"
)

// SlackConfig is what NewSlack needs.
type SlackConfig struct {
	API     string // https://slack.com/api by default
	Token   string // of the bot: xoxb-…
	Channel string // id
}

// Slack tells a channel, and changes what it said when a request is decided.
type Slack struct {
	c    SlackConfig
	http *http.Client
}

// NewSlack returns a Slack.
func NewSlack(c SlackConfig) *Slack {
	if c.API == "" {
		c.API = "https://slack.com/api"
	}
	return &Slack{c: c, http: client()}
}

// slackAnswer is what every method of the Web API answers.
type slackAnswer struct {
	OK      bool   `json:"ok"`
	Error   string `json:"error"`
	Channel string `json:"channel"`
	TS      string `json:"ts"`
	User    struct {
		Profile struct {
			Email string `json:"email"`
		} `json:"profile"`
		Deleted bool `json:"deleted"`
	} `json:"user"`
}

// Tell implements Notifier. The reference is channel and timestamp of the message.
func (s *Slack) Tell(ctx context.Context, m Message, reference string) (string, error) {
	call := part{"channel": s.c.Channel, "text": title(m), "blocks": slackBlocks(m), "unfurl_links": false, "unfurl_media": false}
	method := "chat.postMessage"
	if channel, ts, ok := strings.Cut(reference, " "); ok {
		method, call["channel"], call["ts"] = "chat.update", channel, ts
	}
	answer, err := s.call(ctx, method, call)
	if err != nil {
		return "", err
	}
	if m.What == approval.Escalation || m.What == approval.GlassBroken { // a change alone nobody notices
		loud := part{"channel": answer.Channel, "thread_ts": answer.TS, "reply_broadcast": true, "text": title(m)}
		if _, err := s.call(ctx, "chat.postMessage", loud); err != nil {
			return "", err
		}
	}
	return answer.Channel + " " + answer.TS, nil
}

// slackMends reports whether an error passes by itself.
func slackMends(code string) bool {
	switch code {
	case "ratelimited", "internal_error", "fatal_error", "service_unavailable", "request_timeout":
		return true
	}
	return false
}

func (s *Slack) call(ctx context.Context, method string, call part) (*slackAnswer, error) {
	body, err := json.Marshal(call)
	if err != nil {
		return nil, Permanent(fmt.Errorf("encode: %w", err))
	}
	data, err := post(ctx, s.http, s.c.API+"/"+method, body, map[string]string{"Content-Type": "application/json; charset=utf-8", "Authorization": "Bearer " + s.c.Token})
	if err != nil {
		return nil, err
	}
	answer := new(slackAnswer)
	if err := json.Unmarshal(data, answer); err != nil {
		return nil, errors.New("the answer is not Slack's")
	}
	if !answer.OK {
		err := fmt.Errorf("%s: %s", method, cleaned(answer.Error))
		if slackMends(answer.Error) {
			return nil, err
		}
		return nil, Permanent(err)
	}
	return answer, nil
}

// slackText bounds the text of a section; Slack takes 3,000 characters, escapes included.
const slackText = 2500

func slackBlocks(m Message) []part {
	heading := title(m)
	if m.What == approval.GlassBroken {
		heading = ":rotating_light: " + heading
	}
	blocks := []part{{"type": "section", "text": part{"type": "mrkdwn", "text": "*" + slackEscape(heading) + "*"}}}
	var lines []part
	for _, f := range fields(m.State) {
		if len(lines) < 10 { // as many as Slack takes
			lines = append(lines, part{"type": "mrkdwn", "text": "*" + f.name + "*\n" + slackEscape(cut(f.value, 500))})
		}
	}
	blocks = append(blocks, part{"type": "section", "fields": lines})
	text, whole := statement(m.State.Ask, slackText)
	if escaped := slackEscape(text); len(escaped) > 2900 || strings.Contains(text, "```") {
		text, whole = "", false // it would not be shown as it is
	}
	if text != "" && m.State.Ask.GetGrant() == nil {
		blocks = append(blocks, part{"type": "section", "text": part{"type": "mrkdwn", "text": "```" + slackEscape(text) + "```"}})
	}
	if n := note(m.State.Ask, whole); n != "" {
		blocks = append(blocks, part{"type": "context", "elements": []part{{"type": "plain_text", "text": n}}})
	}
	var buttons []part
	if m.State.Status == approval.Pending && whole && !m.State.NeedsStepUp() {
		buttons = append(buttons, slackButton("Approve", approval.Approve, "primary", m.State.ID), slackButton("Deny", approval.Deny, "danger", m.State.ID))
	}
	if m.Link != "" {
		buttons = append(buttons, part{"type": "button", "text": part{"type": "plain_text", "text": "Open"}, "url": m.Link, "action_id": "open"})
	}
	if len(buttons) > 0 {
		blocks = append(blocks, part{"type": "actions", "block_id": "decide", "elements": buttons})
	}
	return blocks
}

func slackButton(text, action, style, id string) part {
	return part{"type": "button", "text": part{"type": "plain_text", "text": text}, "style": style, "action_id": action, "value": id}
}

// slackEscape is what Slack's mrkdwn asks for, so that nothing in it is a link or a mention.
func slackEscape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s)
}

func cut(s string, most int) string {
	if runes := []rune(s); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return s
}
