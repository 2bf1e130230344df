package api

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"
)

// Cookies. Where the browser's connection is secure their names begin with __Host-, so that no other
// host and no insecure page can set them: RFC 6265bis section 4.1.3.2.
const (
	cookieSession = "sallyport_session"
	cookieRefresh = "sallyport_refresh"
	cookieFlow    = "sallyport_flow_" // and something of the state: several tabs may sign in at once
	cookieProblem = "sallyport_problem"

	cookieEnrol    = "sallyport_passkey_new" // what passkeys were asked
	cookieProof    = "sallyport_passkey_proof"
	cookieEntrance = "sallyport_passkey_signin"
)

// secure reports whether the browser reaches this over TLS.
func (a *API) secure(r *http.Request) bool {
	return r.TLS != nil || strings.HasPrefix(a.publicURL, "https://")
}

func (a *API) cookieName(r *http.Request, name string) string {
	if a.secure(r) {
		return "__Host-" + name
	}
	return name
}

func (a *API) setCookie(w http.ResponseWriter, r *http.Request, name, value string, life time.Duration, site http.SameSite) {
	age := int(life.Seconds())
	if value == "" {
		age = -1
	}
	http.SetCookie(w, &http.Cookie{
		Name: a.cookieName(r, name), Value: value, Path: "/", MaxAge: age,
		HttpOnly: name != cookieProblem, SameSite: site, Secure: a.secure(r),
	})
}

func (a *API) dropCookie(w http.ResponseWriter, r *http.Request, name string) {
	a.setCookie(w, r, name, "", 0, http.SameSiteStrictMode)
}

func (a *API) cookie(r *http.Request, name string) string {
	c, err := r.Cookie(a.cookieName(r, name))
	if err != nil {
		return ""
	}
	return c.Value
}

// pack and unpack write what a cookie holds.
func pack(v any) (string, error) {
	data, err := json.Marshal(v)
	return base64.RawURLEncoding.EncodeToString(data), err
}

func unpack(text string, into any) bool {
	data, err := base64.RawURLEncoding.DecodeString(text)
	return err == nil && json.Unmarshal(data, into) == nil
}

// inside returns a path of the app to lead on to, whatever somebody put into the address: never
// another site, and never the API.
func inside(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || u.Opaque != "" ||
		strings.ContainsAny(next, "\\\r\n\t") || !strings.HasPrefix(u.EscapedPath(), "/") {
		return "/"
	}
	clean, plain := path.Clean(u.EscapedPath()), path.Clean(u.Path)
	if plain == "/signin" || plain == "/api" || strings.HasPrefix(plain, "/api/") || strings.HasPrefix(clean, "//") {
		return "/"
	}
	if u.RawQuery != "" {
		clean += "?" + u.RawQuery
	}
	return clean
}
