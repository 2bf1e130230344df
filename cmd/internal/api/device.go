package api

import (
	"context"
	"crypto/rand"
	"errors"
	"math/big"
	"net/http"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"sallyport/ingress/login/once"
	"sallyport/ingress/login/pace"
	"sallyport/schemas"
	"sallyport/schemas/problem"
)

// Bounds of device codes: RFC 8628.
const (
	deviceLife     = 10 * time.Minute
	deviceInterval = 5 * time.Second
	letters        = "BCDFGHJKLMNPQRSTVWXZ" // section 6.1: no vowels, so no words
	codeLetters    = 8
)

// What is kept of a device: its code leads to the user's code, and that to the state.
const (
	kindDevice   = "device"
	kindUserCode = "usercode"
)

// DeviceAnswer is where a person signs a terminal in that has no browser: RFC 8628 section 3.2.
type DeviceAnswer struct {
	DeviceCode string `json:"device_code"`
	UserCode   string `json:"user_code"`
	Where      string `json:"verification_uri"`
	Complete   string `json:"verification_uri_complete"`
	ExpiresIn  int64  `json:"expires_in"` // seconds
	Interval   int64  `json:"interval"`   // seconds
}

// device is a terminal that waits.
type device struct {
	Address string  `json:"address"`
	Host    string  `json:"host"` // as it calls itself
	Asked   int64   `json:"asked"`
	Denied  bool    `json:"denied,omitempty"`
	Pass    *passed `json:"pass,omitempty"` // approved
}

// askDevice begins: POST /identity/device.
func (a *API) askDevice(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 4<<10)
	answer, err := a.newDevice(r)
	if err != nil {
		problem.Write(w, r, a.logger, err)
		return
	}
	reply(w, a.logger, answer)
}

func (a *API) newDevice(r *http.Request) (*DeviceAnswer, error) {
	d := device{Address: r.RemoteAddr, Host: clip(r.PostFormValue("host"), 100), Asked: a.now().UnixNano()}
	code, err := d.wait(r.Context(), a.in.Once)
	if err != nil {
		return nil, err
	}
	secret := oauth2.GenerateVerifier()
	if err := a.in.Once.Add(r.Context(), kindDevice, secret, deviceLife, code); err != nil {
		return nil, unavailable(err)
	}
	shown := shownCode(code)
	where := a.publicURL + "/device"
	return &DeviceAnswer{
		DeviceCode: secret, UserCode: shown, Where: where, Complete: where + "?code=" + shown,
		ExpiresIn: int64(deviceLife / time.Second), Interval: int64(deviceInterval / time.Second),
	}, nil
}

// wait has a device wait for somebody's consent, and returns the code that leads to it.
func (d device) wait(ctx context.Context, ledger *once.Ledger) (code string, err error) {
	if code, err = userCode(); err != nil {
		return "", err
	}
	if err := ledger.Add(ctx, kindUserCode, code, deviceLife, d); err != nil {
		return "", unavailable(err)
	}
	return code, nil
}

func shownCode(code string) string { return code[:codeLetters/2] + "-" + code[codeLetters/2:] }

func userCode() (string, error) {
	var b strings.Builder
	for range codeLetters {
		n, err := rand.Int(rand.Reader, big.NewInt(int64(len(letters))))
		if err != nil {
			return "", err
		}
		b.WriteByte(letters[n.Int64()])
	}
	return b.String(), nil
}

// tidy makes of what a person typed the code that it was.
func tidy(code string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(letters, r) {
			return r
		}
		return -1
	}, strings.ToUpper(code[:min(len(code), 40)]))
}

// seeDevice shows who is asking: GET /identity/device/{code}, to somebody who is signed in.
func (a *API) seeDevice(w http.ResponseWriter, r *http.Request) {
	d, _, err := a.findDevice(r)
	if err != nil {
		problem.Write(w, r, a.logger, err)
		return
	}
	reply(w, a.logger, map[string]any{"address": d.Address, "host": d.Host, "asked": time.Unix(0, d.Asked).UTC()})
}

func (a *API) findDevice(r *http.Request) (*device, uint64, error) {
	if err := a.pace(r); err != nil {
		return nil, 0, err
	}
	d := new(device)
	revision, err := a.in.Once.Get(r.Context(), kindUserCode, tidy(r.PathValue("code")), d)
	if errors.Is(err, once.ErrGone) || err == nil && (d.Denied || d.Pass != nil) {
		return nil, 0, &schemas.Error{Code: schemas.CodeNotFound, Message: "no terminal waits with this code", Hint: "look whether it was mistyped; it holds for ten minutes and once"}
	}
	if err != nil {
		return nil, 0, unavailable(err)
	}
	return d, revision, nil
}

// decideDevice signs a terminal in, or refuses: POST /identity/device/{code}.
func (a *API) decideDevice(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Approve bool `json:"approve"`
	}
	err := decode(w, r, &in)
	if err == nil {
		err = a.decide(r, in.Approve)
	}
	if err != nil {
		problem.Write(w, r, a.logger, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (a *API) decide(r *http.Request, approve bool) error {
	d, revision, err := a.findDevice(r)
	if err != nil {
		return err
	}
	d.Denied = !approve
	if approve {
		if d.Pass, err = a.pass(r); err != nil {
			return err
		}
	}
	err = a.in.Once.Set(r.Context(), kindUserCode, tidy(r.PathValue("code")), deviceLife, d, revision)
	if errors.Is(err, once.ErrGone) {
		return &schemas.Error{Code: schemas.CodeConflict, Message: "somebody else decided at the same moment"}
	}
	if err != nil {
		return unavailable(err)
	}
	return nil
}

// redeemDevice gives a terminal its token once somebody has signed it in: RFC 8628 section 3.4.
func (a *API) redeemDevice(r *http.Request) (*TokenAnswer, error) {
	if !a.in.PerSource.Allow("poll " + pace.Address(r.RemoteAddr)) {
		return nil, pending("slow_down", "too many terminals ask")
	}
	secret, code := r.PostForm.Get("device_code"), ""
	_, err := a.in.Once.Get(r.Context(), kindDevice, secret, &code)
	d := new(device)
	if err == nil {
		_, err = a.in.Once.Get(r.Context(), kindUserCode, code, d)
	}
	switch {
	case errors.Is(err, once.ErrGone):
		return nil, pending("expired_token", "nobody signed this terminal in in time")
	case err != nil:
		return nil, unavailable(err)
	case d.Denied:
		return nil, a.turnedAway(r, "", "", methodDevice, pending("access_denied", "the sign-in was refused in the browser"))
	case d.Pass == nil:
		return nil, pending("authorization_pending", "nobody has signed this terminal in yet")
	}
	if err := a.in.Once.Take(r.Context(), kindDevice, secret, &code); errors.Is(err, once.ErrGone) {
		return nil, pending("expired_token", "the code was used")
	} else if err != nil {
		return nil, unavailable(err)
	}
	return a.hand(r, d.Pass, methodDevice)
}

func pending(word, message string) error {
	return oauthError{word, &schemas.Error{Code: schemas.CodeUnauthenticated, Message: message}}
}
