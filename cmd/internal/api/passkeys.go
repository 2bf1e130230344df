package api

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"time"

	"google.golang.org/protobuf/proto"

	"sallyport/ingress/login/passkey"
	"sallyport/schemas"
	"sallyport/schemas/registry"
)

// Passkeys is how people prove with one that it is them.
type Passkeys struct {
	Keys   *passkey.Keys // nil: this address cannot have any
	Off    string        // why there are none
	SignIn bool          // users of this gateway may sign in with one
	Fresh  time.Duration // time from signing in to enrolling a first one
	Link   time.Duration // life of a link with which a user signs in to enrol one
}

// PasskeyListed is a passkey as its owner sees it.
type PasskeyListed struct {
	ID      string     `json:"id"` // of the credential, in hexadecimal
	User    string     `json:"user"`
	Name    string     `json:"name"`
	Created time.Time  `json:"created"`
	Used    *time.Time `json:"used,omitempty"`
	Synced  bool       `json:"synced"`  // a provider keeps it for its owner, on several devices
	Suspect bool       `json:"suspect"` // it may have been copied, and proves nothing any more
}

// PasskeyAsked is what the browser is to do: options for navigator.credentials.
type PasskeyAsked struct {
	Options json.RawMessage `json:"options"`
}

// PasskeyAnswer is what came of it: a credential as PublicKeyCredential.toJSON writes it.
type PasskeyAnswer struct {
	Name   string          `json:"name,omitempty"` // for a new one
	Answer json.RawMessage `json:"answer"`
}

// PasskeyNamed is what somebody calls a passkey from now on.
type PasskeyNamed struct {
	Name string `json:"name"`
}

// mountPasskeys adds what people do with their passkeys.
func (a *API) mountPasskeys(mux *http.ServeMux) {
	mux.HandleFunc("GET /api/v1/passkeys", a.handle(a.listPasskeys))
	mux.HandleFunc("POST /api/v1/passkeys/enrol", a.handle(a.askPasskey))
	mux.HandleFunc("POST /api/v1/passkeys", a.handle(a.addPasskey))
	mux.HandleFunc("PUT /api/v1/passkeys/{id}", a.handle(a.namePasskey))
	mux.HandleFunc("DELETE /api/v1/passkeys/{id}", a.handle(a.dropPasskey))
	mux.HandleFunc("POST /api/v1/stepup", a.handle(a.askStepUp))
	mux.HandleFunc("POST /api/v1/stepup/answer", a.handle(a.stepUp))
}

// keys returns what judges passkeys, or why nothing does.
func (a *API) keys() (*passkey.Keys, error) {
	if k := a.in.Passkeys.Keys; k != nil {
		return k, nil
	}
	return nil, &schemas.Error{Code: schemas.CodeUnsupported, Message: "passkeys do not work here: " + a.in.Passkeys.Off, Hint: "whoever runs this gateway sets public_url"}
}

// holder is the person at the browser that sends a request. Nobody else has passkeys: agents, tokens of clients
// and the administrator's socket prove nothing with one.
func (a *API) holder(ctx context.Context) (passkey.Holder, error) {
	id := Who(ctx)
	if !atBrowser(id) {
		return passkey.Holder{}, &schemas.Error{Code: schemas.CodeForbidden, Message: "only a person who is signed in with a browser has passkeys", Hint: "open " + a.publicURL + "/passkeys"}
	}
	return passkey.Holder{User: id.Principal.Name, Session: schemas.TokenID(id.Token.Id)}, nil
}

func atBrowser(id *Identity) bool {
	return id.Token != nil && id.Run == nil && id.Principal.GetKind() == schemas.PrincipalKind_PRINCIPAL_KIND_USER &&
		len(id.Token.Protocols) == 1 && id.Token.Protocols[0] == protocolWeb
}

// listPasskeys answers the sender's passkeys; an administrator's ?user= those of somebody.
func (a *API) listPasskeys(w http.ResponseWriter, r *http.Request) error {
	user := Who(r.Context()).Principal.GetName()
	if name := r.URL.Query().Get("user"); name != "" && name != user {
		if err := a.access.Authorize(r.Context(), "admin", ""); err != nil {
			return err
		}
		user = name
	}
	out := []PasskeyListed{}
	for _, p := range a.registry.Snapshot().Passkeys(user) {
		out = append(out, listedPasskey(p))
	}
	reply(w, a.logger, map[string]any{"passkeys": out})
	return nil
}

// backedUp is the flag BS of authenticator data: WebAuthn section 6.1.
const backedUp = 1 << 4

func listedPasskey(p *schemas.PasskeyPut) PasskeyListed {
	l := PasskeyListed{
		ID: hex.EncodeToString(p.Id), User: p.User, Name: p.Label, Created: time.Unix(0, p.Created).UTC(),
		Synced: p.Flags&backedUp != 0, Suspect: p.Suspect,
	}
	if p.Used != 0 {
		used := time.Unix(0, p.Used).UTC()
		l.Used = &used
	}
	return l
}

// mayEnrol says whether the sender may enrol a passkey: who has one proves it, and who has none has just
// signed in. grace is how long ago that may have ended. A session that was stolen does not
// become one that can be proven.
func (a *API) mayEnrol(ctx context.Context, now *registry.Snapshot, grace time.Duration) error {
	t := Who(ctx).Token
	if len(now.Passkeys(t.Principal.GetName())) > 0 {
		return a.guard.proven(ctx, grace)
	}
	if t.SignedIn == 0 {
		return &schemas.Error{Code: schemas.CodeForbidden, Message: "a first passkey is enrolled after signing in with a provider, a password, or a link from an administrator, not with a token",
			Hint: "sign out, and sign in so"}
	}
	if a.now().Sub(time.Unix(0, t.SignedIn)) >= a.in.Passkeys.Fresh+grace {
		return &schemas.Error{Code: schemas.CodeForbidden, Message: "a first passkey is enrolled soon after signing in, and you signed in a while ago", Hint: "sign out, and sign in again"}
	}
	return nil
}

// askPasskey begins an enrolment.
func (a *API) askPasskey(w http.ResponseWriter, r *http.Request) error {
	keys, err := a.keys()
	if err != nil {
		return err
	}
	who, err := a.holder(r.Context())
	if err != nil {
		return err
	}
	now := a.registry.Snapshot()
	if err := a.mayEnrol(r.Context(), now, 0); err != nil {
		return err
	}
	_, local := now.User(who.User)
	asked, err := keys.Enrol(who, local && a.in.Passkeys.SignIn)
	if err != nil {
		return err
	}
	a.ask(w, r, cookieEnrol, keys, asked)
	return nil
}

// ask sends a question, and sets the cookie that its answer must come with.
func (a *API) ask(w http.ResponseWriter, r *http.Request, cookie string, keys *passkey.Keys, asked *passkey.Asked) {
	a.setCookie(w, r, cookie, asked.State, keys.Life(), http.SameSiteStrictMode)
	reply(w, a.logger, PasskeyAsked{Options: asked.Options})
}

// answered reads an answer, and the cookie that it came with, which serves no more.
func (a *API) answered(w http.ResponseWriter, r *http.Request, cookie string) (in PasskeyAnswer, state string, err error) {
	r.Body = http.MaxBytesReader(w, r.Body, passkey.MaxAnswer)
	if err := decode(w, r, &in); err != nil {
		return in, "", err
	}
	state = a.cookie(r, cookie)
	a.dropCookie(w, r, cookie)
	return in, state, nil
}

// addPasskey ends an enrolment.
func (a *API) addPasskey(w http.ResponseWriter, r *http.Request) error {
	keys, err := a.keys()
	if err != nil {
		return err
	}
	who, err := a.holder(r.Context())
	if err != nil {
		return err
	}
	in, state, err := a.answered(w, r, cookieEnrol)
	if err != nil {
		return err
	}
	put, err := keys.Enrolled(r.Context(), who, state, in.Name, in.Answer)
	if err == nil {
		err = a.registry.Amend(r.Context(), func(now *registry.Snapshot) (*schemas.Control, error) {
			if _, taken := now.Passkey(put.Id); taken {
				return nil, &schemas.Error{Code: schemas.CodeConflict, Message: "this passkey is enrolled already"}
			}
			if err := a.mayEnrol(r.Context(), now, keys.Life()); err != nil {
				return nil, err
			}
			return putPasskey(who.User, put), nil
		})
	}
	if err != nil {
		return a.unproven(r, methodEnrol, err)
	}
	reply(w, a.logger, listedPasskey(put))
	return nil
}

func putPasskey(by string, p *schemas.PasskeyPut) *schemas.Control {
	return &schemas.Control{By: by, Kind: &schemas.Control_PasskeyPut{PasskeyPut: p}}
}

// passkeyOf finds the passkey that a request is about, which must be the sender's own; or anybody's, for an
// administrator. Both are said alike, so that ids cannot be probed.
func (a *API) passkeyOf(r *http.Request) (p *schemas.PasskeyPut, own bool, err error) {
	id, err := hex.DecodeString(r.PathValue("id"))
	none := &schemas.Error{Code: schemas.CodeNotFound, Message: "there is no such passkey"}
	if err != nil {
		return nil, false, none
	}
	p, ok := a.registry.Snapshot().Passkey(id)
	if !ok {
		return nil, false, none
	}
	who := Who(r.Context())
	if atBrowser(who) && who.Principal.GetName() == p.User {
		return p, true, nil
	}
	all, err := a.administers(r.Context())
	if err == nil && !all {
		err = none
	}
	return p, false, err
}

// namePasskey calls a passkey something else.
func (a *API) namePasskey(w http.ResponseWriter, r *http.Request) error {
	var in PasskeyNamed
	if err := decode(w, r, &in); err != nil {
		return err
	}
	label, err := passkey.Label(in.Name)
	if err != nil {
		return err
	}
	p, own, err := a.passkeyOf(r)
	if err != nil {
		return err
	}
	if !own {
		return beyond("only who has a passkey names it")
	}
	if err := a.amendPasskey(r.Context(), p.User, p.Id, func(p *schemas.PasskeyPut) error { p.Label = label; return nil }); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// amendPasskey changes a passkey that is still there.
func (a *API) amendPasskey(ctx context.Context, by string, id []byte, change func(*schemas.PasskeyPut) error) error {
	return a.registry.Amend(ctx, func(now *registry.Snapshot) (*schemas.Control, error) {
		kept, ok := now.Passkey(id)
		if !ok {
			return nil, &schemas.Error{Code: schemas.CodeNotFound, Message: "the passkey was removed meanwhile"}
		}
		p := proto.CloneOf(kept)
		p.Barred = false
		if err := change(p); err != nil {
			return nil, err
		}
		return putPasskey(by, p), nil
	})
}

// dropPasskey removes a passkey. Its owner proves one first, this or another: a session that was stolen
// must not make room for somebody else's.
func (a *API) dropPasskey(w http.ResponseWriter, r *http.Request) error {
	p, own, err := a.passkeyOf(r)
	if err != nil {
		return err
	}
	if own {
		err = a.guard.proven(r.Context(), 0)
	} else {
		err = a.guard.Check(r.Context(), guardUsers)
	}
	if err != nil {
		return err
	}
	if err := a.removePasskey(r.Context(), p); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// removePasskey removes one, unless it is somebody else's by now.
func (a *API) removePasskey(ctx context.Context, p *schemas.PasskeyPut) error {
	return a.registry.Amend(ctx, func(now *registry.Snapshot) (*schemas.Control, error) {
		if kept, ok := now.Passkey(p.Id); !ok || kept.User != p.User || !bytes.Equal(kept.Handle, p.Handle) {
			return nil, nil
		}
		return &schemas.Control{By: Who(ctx).Principal.GetName(), Kind: &schemas.Control_PasskeyRemoved{PasskeyRemoved: &schemas.PasskeyRemoved{Id: p.Id, User: p.User}}}, nil
	})
}

// dropPasskeys removes all of somebody's: whoever has that name next is somebody else.
func (a *API) dropPasskeys(ctx context.Context, user string) error {
	for _, p := range a.registry.Snapshot().Passkeys(user) {
		if err := a.removePasskey(ctx, p); err != nil {
			return unavailable(err)
		}
	}
	return nil
}
