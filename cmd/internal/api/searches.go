package api

import (
	"context"
	"math"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"sallyport/schemas"
	"sallyport/schemas/journal"
	"sallyport/schemas/problem"
)

// SavedSearch is a query that somebody keeps under a name. Nobody else sees it.
type SavedSearch struct {
	Name  string `json:"name"`
	Query string `json:"query"`
}

// Bounds of what one person keeps.
const (
	maxSearches    = 100
	maxSearchName  = 100  // characters
	maxSearchQuery = 4096 // bytes, as search takes them
)

// searches are the saved searches of a principal, by name. They are few, and all on one subject, so
// the log itself is asked: every replica says the same, and what was just saved is there.
func (a *API) searches(ctx context.Context, who string) ([]SavedSearch, error) {
	kept := map[string]string{}
	subject := schemas.ControlSubject(schemas.AreaSearch, who)
	err := a.facts(ctx, subject, 1, math.MaxUint64, func(_ journal.Message, c *schemas.Control) error {
		if c.GetBy() != who {
			return nil // somebody else's, in the same shard
		}
		if s := c.GetSearchSaved(); s != nil {
			kept[s.GetName()] = s.GetQuery()
		}
		if s := c.GetSearchForgotten(); s != nil {
			delete(kept, s.GetName())
		}
		return nil
	})
	out := make([]SavedSearch, 0, len(kept))
	for name, query := range kept {
		out = append(out, SavedSearch{name, query})
	}
	slices.SortFunc(out, func(a, b SavedSearch) int { return strings.Compare(a.Name, b.Name) })
	return out, err
}

func (a *API) listSearches(w http.ResponseWriter, r *http.Request) {
	out, err := a.searches(r.Context(), Who(r.Context()).Principal.Name)
	if err != nil {
		problem.Write(w, r, a.logger, err)
		return
	}
	reply(w, a.logger, map[string]any{"searches": out})
}

func (a *API) saveSearch(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Query string `json:"query"`
	}
	err := decode(w, r, &in)
	name, who := r.PathValue("name"), Who(r.Context()).Principal.Name
	if err == nil {
		err = checkSearch(name, in.Query)
	}
	if err == nil {
		err = a.roomForSearch(r.Context(), who, name)
	}
	if err == nil {
		err = a.keepSearch(r.Context(), who, &schemas.Control{Kind: &schemas.Control_SearchSaved{SearchSaved: &schemas.SearchSaved{Name: name, Query: in.Query}}})
	}
	if err != nil {
		problem.Write(w, r, a.logger, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func checkSearch(name, query string) error {
	switch {
	case strings.TrimSpace(name) == "" || utf8.RuneCountInString(name) > maxSearchName || !utf8.ValidString(name):
		return &schemas.Error{Code: schemas.CodeInvalid, Message: "the name of a search has 1 to 100 characters"}
	case query == "" || len(query) > maxSearchQuery || !utf8.ValidString(query):
		return &schemas.Error{Code: schemas.CodeInvalid, Message: "a query has 1 to 4096 bytes"}
	}
	return nil
}

// roomForSearch refuses one more than anybody may keep.
func (a *API) roomForSearch(ctx context.Context, who, name string) error {
	kept, err := a.searches(ctx, who)
	if err != nil {
		return err
	}
	known := slices.ContainsFunc(kept, func(s SavedSearch) bool { return s.Name == name })
	if !known && len(kept) >= maxSearches {
		return &schemas.Error{Code: schemas.CodeConflict, Message: "you keep 100 searches already: forget one first"}
	}
	return nil
}

func (a *API) forgetSearch(w http.ResponseWriter, r *http.Request) {
	name, who := r.PathValue("name"), Who(r.Context()).Principal.Name
	kept, err := a.searches(r.Context(), who)
	if err == nil && !slices.ContainsFunc(kept, func(s SavedSearch) bool { return s.Name == name }) {
		err = &schemas.Error{Code: schemas.CodeNotFound, Message: "you keep no search of that name"}
	}
	if err == nil {
		err = a.keepSearch(r.Context(), who, &schemas.Control{Kind: &schemas.Control_SearchForgotten{SearchForgotten: &schemas.SearchForgotten{Name: name}}})
	}
	if err != nil {
		problem.Write(w, r, a.logger, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (a *API) keepSearch(ctx context.Context, who string, c *schemas.Control) error {
	c.By = who
	if _, err := a.log.AppendControl(ctx, schemas.AreaSearch, who, c, nil); err != nil {
		return unavailable(err)
	}
	return nil
}
