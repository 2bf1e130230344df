package notify

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"sallyport/schemas"
	"sallyport/schemas/approval"
)

// slackWindow is how old a request of Slack's may be ("Verifying requests": five minutes).
const slackWindow = 5 * time.Minute

// maxHook bounds a request of Slack's, in bytes.
const maxHook = 256 << 10

// Decide reviews a request as the person whose sign-in name (an e-mail address) it is given. What it
// returns is for that person: a schemas.Error, when it did not count.
type Decide func(ctx context.Context, person, request, decision, reason string) (approval.State, error)

// SlackHooksConfig is what NewSlackHooks needs.
type SlackHooksConfig struct {
	Slack         *Slack
	SigningSecret string
	Users         map[string]string // principal by Slack user id; others are known by their e-mail address
	Decide        Decide
	NeedsReason   func(ctx context.Context, request string) bool
	Respond       string // prefix of response_url; https://hooks.slack.com/ by default
	Now           func() time.Time
	Logger        *slog.Logger
}

// SlackHooks takes what people press in Slack.
type SlackHooks struct {
	c    SlackHooksConfig
	http *http.Client
}

// NewSlackHooks checks c.
func NewSlackHooks(c SlackHooksConfig) (*SlackHooks, error) {
	if len(c.SigningSecret) < 16 {
		return nil, errors.New("the signing secret is missing")
	}
	if c.Respond == "" {
		c.Respond = "https://hooks.slack.com/"
	}
	return &SlackHooks{c: c, http: client()}, nil
}

// interaction is the payload of an interaction, as far as it matters.
type interaction struct {
	Type      string `json:"type"`
	TriggerID string `json:"trigger_id"`
	Response  string `json:"response_url"`
	User      struct {
		ID string `json:"id"`
	} `json:"user"`
	Actions []struct {
		ActionID string `json:"action_id"`
		Value    string `json:"value"`
	} `json:"actions"`
	View struct {
		CallbackID      string `json:"callback_id"`
		PrivateMetadata string `json:"private_metadata"`
		State           struct {
			Values map[string]map[string]struct {
				Value string `json:"value"`
			} `json:"values"`
		} `json:"state"`
	} `json:"view"`
}

// ServeHTTP answers Slack. Whatever is not signed by it, or is old, is refused unread.
func (h *SlackHooks) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxHook))
	if err != nil {
		http.Error(w, "too large", http.StatusRequestEntityTooLarge)
		return
	}
	if !h.signed(r.Header, body) {
		http.Error(w, "not signed", http.StatusUnauthorized)
		return
	}
	in, err := parseInteraction(body)
	if err != nil {
		http.Error(w, "not an interaction", http.StatusBadRequest)
		return
	}
	answer := h.take(r.Context(), in)
	if answer == nil {
		w.WriteHeader(http.StatusOK)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer) // Slack is gone when this fails
}

// signed checks version v0: HMAC-SHA256 over v0:timestamp:body.
func (h *SlackHooks) signed(header http.Header, body []byte) bool {
	at := header.Get("X-Slack-Request-Timestamp")
	seconds, err := strconv.ParseInt(at, 10, 64)
	if err != nil || h.c.Now().Sub(time.Unix(seconds, 0)).Abs() > slackWindow {
		return false
	}
	mac := hmac.New(sha256.New, []byte(h.c.SigningSecret))
	_, _ = io.WriteString(mac, "v0:"+at+":")
	_, _ = mac.Write(body)
	return hmac.Equal([]byte("v0="+hex.EncodeToString(mac.Sum(nil))), []byte(header.Get("X-Slack-Signature")))
}

func parseInteraction(body []byte) (*interaction, error) {
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, err
	}
	in := new(interaction)
	if err := json.Unmarshal([]byte(form.Get("payload")), in); err != nil {
		return nil, err
	}
	if in.User.ID == "" {
		return nil, errors.New("nobody pressed anything")
	}
	return in, nil
}

// take does what somebody pressed; it returns what Slack gets, nil for nothing.
func (h *SlackHooks) take(ctx context.Context, in *interaction) part {
	switch in.Type {
	case "block_actions":
		for _, a := range in.Actions {
			if a.ActionID == approval.Approve || a.ActionID == approval.Deny {
				h.press(ctx, in, a.ActionID, a.Value)
			}
		}
	case "view_submission":
		decision, request, ok := strings.Cut(in.View.PrivateMetadata, " ")
		if in.View.CallbackID != "decide" || !ok {
			return nil
		}
		reason := in.View.State.Values["reason"]["reason"].Value
		if _, err := h.decide(ctx, in.User.ID, request, decision, reason); err != nil {
			return part{"response_action": "errors", "errors": part{"reason": h.told(err)}}
		}
	}
	return nil
}

// press decides, or asks for a reason first. The message itself is changed by whoever told of the
// request, as that follows the log.
func (h *SlackHooks) press(ctx context.Context, in *interaction, decision, request string) {
	if h.c.NeedsReason(ctx, request) {
		if _, err := h.c.Slack.call(ctx, "views.open", reasonView(in.TriggerID, decision, request)); err != nil {
			h.c.Logger.Warn("ask for a reason in Slack", "approval", request, "error", err)
			h.respond(ctx, in.Response, "That did not work. Open the request instead.")
		}
		return
	}
	if _, err := h.decide(ctx, in.User.ID, request, decision, ""); err != nil {
		h.respond(ctx, in.Response, h.told(err))
	}
}

func reasonView(trigger, decision, request string) part {
	plain := func(text string) part { return part{"type": "plain_text", "text": text} }
	name := strings.ToUpper(decision[:1]) + decision[1:]
	return part{"trigger_id": trigger, "view": part{
		"type": "modal", "callback_id": "decide", "private_metadata": decision + " " + request,
		"title": plain(name + " the request"), "submit": plain(name), "close": plain("Cancel"),
		"blocks": []part{{"type": "input", "block_id": "reason", "label": plain("Why?"),
			"element": part{"type": "plain_text_input", "action_id": "reason", "multiline": true, "max_length": 2000}}},
	}}
}

func (h *SlackHooks) decide(ctx context.Context, user, request, decision, reason string) (approval.State, error) {
	person, err := h.person(ctx, user)
	if err != nil {
		return approval.State{}, err
	}
	return h.c.Decide(ctx, person, request, decision, reason)
}

// person is who a user of Slack is here: as configured, else by the e-mail address that Slack knows.
func (h *SlackHooks) person(ctx context.Context, user string) (string, error) {
	if name := h.c.Users[user]; name != "" {
		return name, nil
	}
	answer, err := h.c.Slack.form(ctx, "users.info", url.Values{"user": {user}})
	if err != nil {
		return "", err
	}
	if answer.User.Deleted || answer.User.Profile.Email == "" {
		return "", &schemas.Error{Code: schemas.CodeForbidden, Message: "Slack does not say who you are"}
	}
	return answer.User.Profile.Email, nil
}

// told is an error for the person.
func (h *SlackHooks) told(err error) string {
	shown := schemas.Shown(err)
	if shown.Code == schemas.CodeInternal {
		h.c.Logger.Error("decide in Slack", "error", err)
	}
	if shown.Hint != "" {
		return shown.Message + " (" + shown.Hint + ")"
	}
	return shown.Message
}

// respond tells the person alone.
func (h *SlackHooks) respond(ctx context.Context, address, text string) {
	if !strings.HasPrefix(address, h.c.Respond) {
		return
	}
	body, err := json.Marshal(part{"response_type": "ephemeral", "replace_original": false, "text": slackEscape(text)})
	if err == nil {
		_, err = post(ctx, h.http, address, body, map[string]string{"Content-Type": "application/json"})
	}
	if err != nil {
		h.c.Logger.Warn("answer in Slack", "error", err)
	}
}

// form calls a method that takes no JSON.
func (s *Slack) form(ctx context.Context, method string, v url.Values) (*slackAnswer, error) {
	data, err := post(ctx, s.http, s.c.API+"/"+method, []byte(v.Encode()), map[string]string{"Content-Type": "application/x-www-form-urlencoded", "Authorization": "Bearer " + s.c.Token})
	if err != nil {
		return nil, err
	}
	answer := new(slackAnswer)
	if err := json.Unmarshal(data, answer); err != nil || !answer.OK {
		return nil, errors.New(method + ": " + cleaned(answer.Error))
	}
	return answer, nil
}
