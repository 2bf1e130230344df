package main

import (
	"time"

	"sallyport/approvals"
	"sallyport/approvals/notify"
	"sallyport/cmd/internal/api"
	"sallyport/replay"
)

// What is sent about identities, runs and SSH where no type of the code has a name for it.
type (
	providers struct {
		Providers []struct {
			Name  string `json:"name"`
			Title string `json:"title"`
			Kind  string `json:"kind"`
			Start string `json:"start"`
		} `json:"providers"`
		Passwords bool `json:"passwords"`
	}
	passwordBody struct {
		User     string `json:"user"`
		Password string `json:"password"`
	}
	authorization struct {
		Redirect  string `json:"redirect_uri"`
		Challenge string `json:"code_challenge"`
		State     string `json:"state"`
	}
	location struct {
		Location string `json:"location"`
	}
	waitingTerminal struct {
		Address string    `json:"address"`
		Host    string    `json:"host"`
		Asked   time.Time `json:"asked"`
	}
	approveTerminal struct {
		Approve bool `json:"approve"`
	}
	revoked struct {
		Revoked int `json:"revoked"`
	}
	users struct {
		Users []api.UserListed `json:"users"`
	}
	keys struct {
		Keys []api.Key `json:"keys"`
	}
	runs struct {
		Runs []replay.RunSummary `json:"runs"`
		Next string              `json:"next"`
	}
	moments struct {
		Moments []replay.Moment `json:"moments"`
		Next    uint64          `json:"next"`
	}
	revealed struct {
		Values   []replay.Revealed `json:"values"`
		Withheld int               `json:"withheld"`
		Next     uint64            `json:"next"`
	}
)

const form media = "application/x-www-form-urlencoded"

// identityOperations say what the routes of sign-in, tokens, users, runs and access are for, and those
// that steer and annotate sessions.
func identityOperations() map[string]operation {
	next := "next: path of the app to lead on to"
	return map[string]operation{
		"GET /api/v1/identity/providers":                {summary: "The ways to sign in.", answer: providers{}, open: true},
		"GET /api/v1/identity/oidc/{provider}/start":    {summary: "Begin a sign-in with an OpenID provider: leads the browser there.", query: []string{next}, leads: true, open: true},
		"GET /api/v1/identity/oidc/{provider}/callback": {summary: "Where an OpenID provider sends the browser back: leads on, signed in or with the reason why not.", query: []string{"state", "code", "iss", "error", "error_description"}, leads: true, open: true},
		"GET /api/v1/identity/saml/{provider}/metadata": {summary: "This side's SAML metadata.", answer: media("application/samlmetadata+xml"), open: true},
		"GET /api/v1/identity/saml/{provider}/start":    {summary: "Begin a sign-in with a SAML provider: leads the browser there.", query: []string{next}, leads: true, open: true},
		"POST /api/v1/identity/saml/{provider}/acs":     {summary: "Where a SAML provider makes the browser post its response: leads on to finish.", body: form, leads: true, open: true},
		"GET /api/v1/identity/saml/{provider}/finish":   {summary: "End a sign-in with a SAML provider, in the browser that began it.", query: []string{"state", "ticket"}, leads: true, open: true},
		"POST /api/v1/identity/password":                {summary: "Sign the browser in as a user of this gateway.", body: passwordBody{}, open: true},
		"POST /api/v1/identity/token":                   {summary: "The token endpoint: a workload's token (RFC 8693), a terminal's code (RFC 6749) or device code (RFC 8628) for a token.", body: form, answer: api.TokenAnswer{}, open: true},
		"POST /api/v1/identity/device":                  {summary: "Ask for a code with which a browser elsewhere signs this terminal in (RFC 8628).", body: form, answer: api.DeviceAnswer{}, open: true},
		"GET /api/v1/identity/device/{code}":            {summary: "Which terminal waits with a code.", answer: waitingTerminal{}},
		"POST /api/v1/identity/device/{code}":           {summary: "Sign the terminal in that waits with a code, or refuse it.", body: approveTerminal{}},
		"POST /api/v1/identity/authorize":               {summary: "Sign a terminal on the browser's own machine in (RFC 8252): where to lead the browser.", body: authorization{}, answer: location{}},
		"POST /api/v1/signin/refresh":                   {summary: "Ask the provider again whether the browser session's person is still there, and in which groups.", open: true},

		"POST /api/v1/certificates": {summary: "Make a token that is a client certificate; the key stays with who asks.", body: api.NewCertificate{}, answer: api.CertificateMade{}},
		"DELETE /api/v1/tokens":     {summary: "Revoke every token of somebody; their sessions end.", answer: revoked{}, query: []string{"user: this or agent", "agent"}},

		"GET /api/v1/users":           {summary: "Users of this gateway.", answer: users{}},
		"POST /api/v1/users":          {summary: "Make or change a user of this gateway.", body: api.NewUser{}},
		"DELETE /api/v1/users/{name}": {summary: "Remove a user of this gateway; their sessions end."},

		"GET /api/v1/keys":             {summary: "SSH public keys that are registered.", answer: keys{}},
		"POST /api/v1/keys":            {summary: "Register an SSH public key of somebody.", body: api.NewKey{}, answer: api.Key{}},
		"DELETE /api/v1/keys/{id}":     {summary: "Remove an SSH public key; its sessions end."},
		"POST /api/v1/ssh/certificate": {summary: "Have the gateway sign a short-lived SSH certificate for your own public key.", body: api.CertificateRequest{}, answer: api.Certificate{}},

		"GET /api/v1/runs": {summary: "Runs of agents that you may see, the newest first.", answer: runs{},
			query: []string{"agent", "prompt: text that stands in the prompt, where you may read it", "limit: at most 500, 50 by default", "cursor: next of the page before"}},
		"POST /api/v1/runs":     {summary: "Open a run with the prompt that an agent was given, and get a token bound to it.", body: api.NewRun{}, answer: api.RunMade{}},
		"GET /api/v1/runs/{id}": {summary: "One run: its prompt, sessions, commands, verdicts, approvals and results.", answer: replay.RunChain{}},

		"GET /api/v1/access": {summary: "Access for a time that you have, or may review.", answer: approvals.Granted{},
			query: []string{"status: coming, active, ended, revoked or all", "target"}},
		"POST /api/v1/access":              {summary: "Ask for access to a target for a time.", body: approvals.NewAccess{}, answer: approvals.Approval{}},
		"POST /api/v1/access/{id}/revoke":  {summary: "Take access for a time back.", body: approvals.NewRevocation{}, answer: approvals.Grant{}},
		"POST /api/v1/approvals/reviews":   {summary: "Approve or deny several requests.", body: approvals.NewReviews{}, answer: approvals.Reviewed{}},
		"GET /api/v1/approvals/deliveries": {summary: "What notifiers have delivered, and what they could not.", answer: notify.Deliveries{}, query: []string{"limit: at most 1000, 100 by default"}},

		"POST /api/v1/sessions/{id}/pause":  {summary: "Hold up what the client sends.", body: reason{}},
		"POST /api/v1/sessions/{id}/resume": {summary: "Let the client go on."},
		"GET /api/v1/sessions/{id}/remarks": {summary: "What was said about a session, and who looked at it or took a hand in it.", answer: replay.Remarks{}},
		"POST /api/v1/sessions/{id}/reveal": {summary: "What masks hid from the recording and the client saw, for people whom they except; the reason is on record.", body: reason{}, answer: revealed{},
			query: []string{"command: number of one alone", "from: first entry wanted"}},
		"GET /api/v1/sessions/{id}/keyframe": {summary: "What stood on a recording's terminals at a moment.", answer: replay.KeyframeAnswer{},
			query: []string{"at: milliseconds since the first entry", "number: of an entry, instead"}},
		"GET /api/v1/sessions/{id}/moments": {summary: "What a player lists beside a recording.", answer: moments{},
			query: []string{"from: first entry wanted", "before: an entry, instead", "at: milliseconds since the first entry, instead", "limit: at most 1000, 200 by default"}},
	}
}
