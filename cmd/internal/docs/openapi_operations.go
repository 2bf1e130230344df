package main

import (
	"encoding/json"

	"sallyport/approvals"
	"sallyport/cmd/internal/api"
	"sallyport/cmd/internal/server"
	"sallyport/replay"
	"sallyport/search"
)

// operation is what there is to say of a route beside its path. A route without a summary fails the
// document.
type operation struct {
	summary string
	query   []string // "name: what it is"
	body    any      // a value of the type that is sent, or a media type
	answer  any      // a value of the type that is answered, or a media type; nil: nothing is
	leads   bool     // the answer leads the browser on
	open    bool     // nobody need be signed in
}

// media is a body that is not JSON.
type media string

const (
	yamlBody  media = "application/yaml"
	lines     media = "application/x-ndjson"
	websocket media = "application/octet-stream"
	plain     media = "text/plain"
)

type (
	sessionPage struct {
		Sessions []replay.Session `json:"sessions"`
		Next     string           `json:"next"`
	}
	entryPage struct {
		Entries []json.RawMessage `json:"entries"`
		Next    uint64            `json:"next"`
	}
	hits struct {
		Hits      []search.Hit              `json:"hits"`
		Total     uint64                    `json:"total"`
		Next      string                    `json:"next"`
		TookMS    float64                   `json:"took_ms"`
		Facets    map[string][]search.Count `json:"facets,omitempty"`
		Histogram *search.Histogram         `json:"histogram,omitempty"`
	}
	movedFiles struct {
		Files []replay.MovedFile `json:"files"`
		Next  uint64             `json:"next"`
	}
	reason struct {
		Reason string `json:"reason"`
	}
	text struct {
		Text string `json:"text"`
	}
	annotation struct {
		Number uint64 `json:"number"`
		Text   string `json:"text"`
	}
	me struct {
		Name   string   `json:"name"`
		Kind   string   `json:"kind"`
		Groups []string `json:"groups"`
		Admin  bool     `json:"admin"`
	}
	changes struct {
		Changes []api.Change `json:"changes"`
	}
	revisions struct {
		Revisions []api.Revision `json:"revisions"`
	}
	resourceList struct {
		Resources []json.RawMessage `json:"resources"`
	}
	savedSearches struct {
		Searches []api.SavedSearch `json:"searches"`
	}
	savedQuery struct {
		Query string `json:"query"`
	}
	values struct {
		Values []search.Count `json:"values"`
	}
	tokens struct {
		Tokens []api.TokenListed `json:"tokens"`
	}
	passkeys struct {
		Passkeys []api.PasskeyListed `json:"passkeys"`
	}
	signIn struct {
		Token string `json:"token"`
	}
	rebuilt struct {
		Projections []replay.RebuildReport `json:"projections"`
	}
)

// operations say what routes are for.
var operations = map[string]operation{
	"GET /healthz": {summary: "The process lives.", open: true},
	"GET /readyz":  {summary: "Every listener accepts and the log is writable.", open: true},
	"GET /metrics": {summary: "Figures for Prometheus.", answer: plain, open: true},

	"GET /api/v1/me":       {summary: "Who is asking.", answer: me{}},
	"POST /api/v1/signin":  {summary: "Trade a token, or a one-time code, for a browser session.", body: signIn{}, open: true},
	"POST /api/v1/signout": {summary: "End the browser session."},

	"GET /api/v1/sessions": {summary: "Sessions that you may see, the newest first.", answer: sessionPage{},
		query: []string{"limit: at most 1000, 50 by default", "cursor: next of the page before", "who: principal", "target", "open: true or false"}},
	"GET /api/v1/sessions/{id}": {summary: "One session.", answer: replay.Session{}},
	"GET /api/v1/sessions/{id}/entries": {summary: "Facts and frames of a session, by number.", answer: entryPage{},
		query: []string{"from: first number wanted", "limit"}},
	"GET /api/v1/sessions/{id}/play":   {summary: "A websocket: history from a number on, then what comes.", answer: websocket, query: []string{"from: first number wanted"}},
	"GET /api/v1/sessions/{id}/index":  {summary: "What a player draws beside a recording: activity, risk, alerts.", answer: replay.IndexAnswer{}},
	"GET /api/v1/sessions/{id}/export": {summary: "The recording as a file.", answer: media("application/octet-stream"), query: []string{"format: html, asciicast or ndjson"}},
	"GET /api/v1/sessions/{id}/files":  {summary: "Files that the session moved.", answer: movedFiles{}, query: []string{"from: first number wanted", "limit: at most 1000, 200 by default"}},
	"GET /api/v1/sessions/{id}/files/{command}": {summary: "What the session moved of the file that a command opened, once it is known to be what its digest says.", answer: media("application/octet-stream"),
		query: []string{"read: true for what was read from the target; otherwise what was written to it"}},
	"GET /api/v1/sessions/{id}/verify":                      {summary: "Whether the recording is whole and unaltered.", answer: replay.Verification{}},
	"POST /api/v1/sessions/{id}/kill":                       {summary: "End the session now.", body: reason{}},
	"POST /api/v1/sessions/{id}/annotations":                {summary: "Say something about an entry.", body: annotation{}},
	"DELETE /api/v1/sessions/{id}/annotations/{annotation}": {summary: "Take back an annotation."},
	"POST /api/v1/sessions/{id}/message":                    {summary: "Tell the client something.", body: text{}},
	"GET /api/v1/verify":                                    {summary: "Verify every recording; a report a line.", answer: lines},
	"POST /api/v1/rebuild":                                  {summary: "Make projections again from the log, and compare. To who accepts application/x-ndjson, lines as it goes on.", answer: rebuilt{}, query: []string{"projection: one alone"}},
	"GET /api/v1/events": {summary: "Public events, as lines or server-sent events.", answer: lines,
		query: []string{"cursor: sequence of the last event seen", "since: a time or a duration", "subject: filter", "follow: true to go on"}},

	"GET /api/v1/search": {summary: "Search what was run, and what came back.", answer: hits{},
		query: []string{"q: the query", "limit: at most 200, 20 by default", "cursor: next of the page before", "order: newest or oldest", "counts: true for facets and histogram", "wait: how long to wait for the index"}},
	"GET /api/v1/search/suggest":     {summary: "Values of a field, to complete.", answer: values{}, query: []string{"field", "prefix", "limit: at most 50, 10 by default"}},
	"GET /api/v1/searches":           {summary: "The searches that you keep.", answer: savedSearches{}},
	"PUT /api/v1/searches/{name}":    {summary: "Keep a search.", body: savedQuery{}},
	"DELETE /api/v1/searches/{name}": {summary: "Forget a search."},

	"GET /api/v1/approvals": {summary: "Requests that you may review or have made, the newest first.", answer: approvals.Listed{},
		query: []string{"status: pending (the default), approved, denied, expired, withdrawn, used or all", "target", "limit: at most 1000, 100 by default"}},
	"GET /api/v1/approvals/{id}":          {summary: "One request, whole.", answer: approvals.Approval{}},
	"POST /api/v1/approvals/{id}/reviews": {summary: "Approve or deny.", body: approvals.NewReview{}, answer: approvals.Approval{}},

	"GET /api/v1/resources/{kind}":                {summary: "Resources of a kind: target, role, policy or mask.", answer: resourceList{}},
	"GET /api/v1/resources/{kind}/{name}":         {summary: "One resource.", answer: json.RawMessage{}, query: []string{"format: yaml, to read and change"}},
	"PUT /api/v1/resources/{kind}/{name}":         {summary: "Apply one resource.", body: yamlBody, answer: changes{}},
	"DELETE /api/v1/resources/{kind}/{name}":      {summary: "Delete a resource."},
	"GET /api/v1/resources/{kind}/{name}/history": {summary: "Every state of a resource, and who made it so.", answer: revisions{}},
	"POST /api/v1/apply":                          {summary: "Check documents, and apply those that differ.", body: yamlBody, answer: changes{}, query: []string{"dry_run: true to apply nothing", "name: what errors call the documents"}},
	"GET /api/v1/audit": {summary: "What was done outside of sessions, the newest first.", answer: api.Audit{},
		query: []string{"area", "by: part of a name", "what: name of a fact", "limit: at most 1000, 100 by default", "before: next of the page before"}},
	"GET /api/v1/health": {summary: "Streams, projections and storage.", answer: server.Health{}},

	"GET /api/v1/passkeys":         {summary: "Your passkeys.", answer: passkeys{}, query: []string{"user: whose, for administrators"}},
	"POST /api/v1/passkeys/enrol":  {summary: "Begin to enrol a passkey.", answer: api.PasskeyAsked{}},
	"POST /api/v1/passkeys":        {summary: "Enrol a passkey.", body: api.PasskeyAnswer{}, answer: api.PasskeyListed{}},
	"PUT /api/v1/passkeys/{id}":    {summary: "Call a passkey something else.", body: api.PasskeyNamed{}},
	"DELETE /api/v1/passkeys/{id}": {summary: "Remove a passkey; who has it proves one first."},
	"POST /api/v1/stepup":          {summary: "Begin to prove with a passkey that it is you; code step_up asks for it.", answer: api.PasskeyAsked{}},
	"POST /api/v1/stepup/answer":   {summary: "Prove it: the browser session counts as proved for a while.", body: api.PasskeyAnswer{}},

	"POST /api/v1/identity/passkey/ask": {summary: "Begin to sign in with a passkey.", answer: api.PasskeyAsked{}, open: true},
	"POST /api/v1/identity/passkey":     {summary: "Sign in with a passkey.", body: api.PasskeyAnswer{}, open: true},

	"GET /api/v1/tokens":         {summary: "Tokens, without their secrets.", answer: tokens{}},
	"POST /api/v1/tokens":        {summary: "Make a token; it is shown this once.", body: api.NewToken{}, answer: api.TokenMade{}},
	"DELETE /api/v1/tokens/{id}": {summary: "Revoke a token; its sessions end."},
	"GET /api/v1/access/explain": {summary: "Why somebody may do something on a target, or not.", answer: api.Explained{},
		query: []string{"user", "agent", "group", "target", "permission"}},
	"GET /api/v1/openapi.json": {summary: "This document.", answer: media("application/json")},
}
