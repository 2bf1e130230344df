package api

import (
	"net/http"
	"slices"

	"sallyport/ingress/login"
	"sallyport/ingress/login/local"
	"sallyport/schemas"
	"sallyport/schemas/problem"
)

// NewUser is the request to make or change a user of the local provider.
type NewUser struct {
	Name     string   `json:"name"`
	Groups   []string `json:"groups,omitempty"`
	Password *string  `json:"password,omitempty"` // nil: as it is, for a new user none
	Create   bool     `json:"create,omitempty"`   // the user must not exist; else it must
	Link     bool     `json:"link,omitempty"`     // answer with a link that signs the user in once, to enrol a passkey
}

// UserListed is a user without secrets.
type UserListed struct {
	Name     string   `json:"name"`
	Groups   []string `json:"groups"`
	Password bool     `json:"password"` // may sign in with one
	Passkeys int      `json:"passkeys"`
}

func (a *API) listUsers(w http.ResponseWriter, _ *http.Request) {
	now, out := a.registry.Snapshot(), []UserListed{}
	for _, u := range now.Users() {
		out = append(out, UserListed{
			Name: u.Name, Groups: append([]string{}, u.Groups...), Password: u.Password != "", Passkeys: len(now.Passkeys(u.Name)),
		})
	}
	reply(w, a.logger, map[string]any{"users": out})
}

func (a *API) putUser(w http.ResponseWriter, r *http.Request) {
	var in NewUser
	err := decode(w, r, &in)
	if err == nil {
		err = a.changeUser(r, in)
	}
	if err == nil && in.Link {
		err = a.sendLink(w, r, in.Name)
	}
	if err != nil {
		problem.Write(w, r, a.logger, err)
		return
	}
	if !in.Link {
		w.WriteHeader(http.StatusNoContent)
	}
}

func (a *API) changeUser(r *http.Request, in NewUser) error {
	for _, name := range append([]string{in.Name}, in.Groups...) {
		if err := login.ValidName(name); err != nil {
			return &schemas.Error{Code: schemas.CodeInvalid, Message: err.Error()}
		}
	}
	old, there := a.registry.Snapshot().User(in.Name)
	if in.Link {
		if _, err := a.keys(); err != nil {
			return err
		}
	}
	switch {
	case there && in.Create:
		return &schemas.Error{Code: schemas.CodeConflict, Message: "there is a user " + in.Name + " already", Hint: "sallyport user set changes one"}
	case !there && !in.Create:
		return &schemas.Error{Code: schemas.CodeNotFound, Message: "there is no user " + in.Name, Hint: "sallyport user add makes one"}
	}
	user := &schemas.UserPut{Name: in.Name, Groups: in.Groups, Password: old.GetPassword()}
	slices.Sort(user.Groups)
	user.Groups = slices.Compact(user.Groups)
	if in.Password != nil {
		var err error
		if user.Password, err = a.in.Local.Hash(*in.Password); err != nil {
			return &schemas.Error{Code: schemas.CodeInvalid, Message: err.Error()}
		}
	}
	by := Who(r.Context()).Principal.Name
	if err := a.registry.Append(r.Context(), &schemas.Control{By: by, Kind: &schemas.Control_UserPut{UserPut: user}}); err != nil {
		return unavailable(err)
	}
	return a.endTokens(r, in.Name)
}

func (a *API) removeUser(w http.ResponseWriter, r *http.Request) {
	if err := a.dropUser(r, r.PathValue("name")); err != nil {
		problem.Write(w, r, a.logger, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (a *API) dropUser(r *http.Request, name string) error {
	if _, ok := a.registry.Snapshot().User(name); !ok {
		return &schemas.Error{Code: schemas.CodeNotFound, Message: "there is no user " + name}
	}
	if err := a.dropPasskeys(r.Context(), name); err != nil {
		return err
	}
	by := Who(r.Context()).Principal.Name
	err := a.registry.Append(r.Context(), &schemas.Control{By: by, Kind: &schemas.Control_UserRemoved{UserRemoved: &schemas.UserRemoved{Name: name}}})
	if err != nil {
		return unavailable(err)
	}
	return a.endTokens(r, name)
}

// endTokens ends what the local provider vouched for, and with it the sessions: a user who is gone, or
// whose groups are others now, starts anew.
func (a *API) endTokens(r *http.Request, user string) error {
	by := Who(r.Context()).Principal.Name
	for _, t := range a.registry.Snapshot().Tokens(user, a.now()) {
		if t.Provider != local.Provider {
			continue
		}
		if err := a.endToken(r, by, t.Id); err != nil {
			return err
		}
	}
	return nil
}
