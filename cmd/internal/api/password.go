package api

import (
	"net/http"

	"sallyport/ingress/login"
	"sallyport/ingress/login/local"
	"sallyport/schemas"
	"sallyport/schemas/problem"
)

// password signs a local user's browser in.
func (a *API) password(w http.ResponseWriter, r *http.Request) {
	var in struct {
		User     string `json:"user"`
		Password string `json:"password"`
	}
	err := fromApp(r)
	if err == nil {
		err = decode(w, r, &in)
	}
	if err == nil {
		err = a.byPassword(w, r, in.User, in.Password)
	}
	if err != nil {
		problem.Write(w, r, a.logger, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (a *API) byPassword(w http.ResponseWriter, r *http.Request, user, password string) error {
	if !a.in.Passwords {
		return &schemas.Error{Code: schemas.CodeForbidden, Message: "signing in with passwords is switched off here"}
	}
	if login.ValidName(user) != nil { // no user has it, and it should not be on the log
		user = ""
	}
	if !a.in.PerUser.Allow(user) {
		return tooOften()
	}
	principal, err := a.in.Local.Check(r.Context(), user, password)
	if err != nil {
		return a.turnedAway(r, user, local.Provider, methodPassword, err)
	}
	return a.enter(w, r, arrival{principal: principal, provider: local.Provider, method: methodPassword, life: a.in.Session})
}

// fromApp refuses what a page of another site could have made a browser send: signing somebody in as
// somebody else is an attack, too. What is no browser names no origin.
func fromApp(r *http.Request) error {
	browser := r.Header.Get("Origin") != "" || r.Header.Get("Sec-Fetch-Site") != ""
	if foreign(r) || browser && r.Header.Get(csrfHeader) != "1" {
		return &schemas.Error{Code: schemas.CodeForbidden, Message: "requests from other sites are refused"}
	}
	return nil
}
