package api

import (
	"math"
	"net/http"
	"slices"
	"time"

	"sallyport/schemas"
	"sallyport/schemas/journal"
	"sallyport/schemas/problem"
	"sallyport/schemas/resources"
)

// Revision is one state of a resource, and who made it so.
type Revision struct {
	Sequence uint64    `json:"sequence"` // on CONTROL
	At       time.Time `json:"at"`
	By       string    `json:"by"`     // "system": a file that the configuration names
	Change   string    `json:"change"` // created, changed, deleted
	YAML     string    `json:"yaml"`   // empty: deleted, or of a form that this release does not know
}

// resourceHistory answers what a resource was, the newest state first: also of one that is gone.
func (a *API) resourceHistory(w http.ResponseWriter, r *http.Request) {
	kind, err := kindOf(r)
	if err != nil {
		problem.Write(w, r, a.logger, err)
		return
	}
	name := r.PathValue("name")
	out := []Revision{}
	there := false
	subject := schemas.ControlSubject(schemas.AreaResource, string(kind)+"/"+name)
	err = a.facts(r.Context(), subject, 1, math.MaxUint64, func(m journal.Message, c *schemas.Control) error {
		one := Revision{Sequence: m.Sequence, At: m.Time.UTC(), By: c.GetBy()}
		switch k := c.Kind.(type) {
		case *schemas.Control_ResourceApplied:
			if k.ResourceApplied.GetKind() != string(kind) || k.ResourceApplied.GetName() != name {
				return nil
			}
			one.Change = "changed"
			if !there {
				one.Change = "created"
			}
			one.YAML, there = yamlOf(k.ResourceApplied.GetDocument()), true
		case *schemas.Control_ResourceDeleted:
			if k.ResourceDeleted.GetKind() != string(kind) || k.ResourceDeleted.GetName() != name {
				return nil
			}
			one.Change, there = "deleted", false
		default:
			return nil
		}
		out = append(out, one)
		return nil
	})
	if err == nil && len(out) == 0 {
		err = &schemas.Error{Code: schemas.CodeNotFound, Message: "there never was a " + r.PathValue("kind") + " " + name}
	}
	if err != nil {
		problem.Write(w, r, a.logger, err)
		return
	}
	slices.Reverse(out)
	reply(w, a.logger, map[string]any{"revisions": out})
}

// yamlOf is a stored document as people write it; empty when this release does not understand it.
func yamlOf(document []byte) string {
	r, err := resources.UnmarshalCanonical(document)
	if err != nil {
		return ""
	}
	text, err := resources.MarshalYAML(r)
	if err != nil {
		return ""
	}
	return string(text)
}
