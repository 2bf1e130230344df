package api

import (
	"encoding/json"
	"io"
	"net/http"

	"sallyport/schemas"
	"sallyport/schemas/problem"
	"sallyport/schemas/resources"
)

// kinds maps what stands in a path to a kind.
var kinds = map[string]resources.Kind{
	"target": resources.KindTarget, "role": resources.KindRole,
	"policy": resources.KindPolicy, "mask": resources.KindMask,
}

func kindOf(r *http.Request) (resources.Kind, error) {
	k, ok := kinds[r.PathValue("kind")]
	if !ok {
		return "", &schemas.Error{
			Code:    schemas.CodeNotFound,
			Message: "there is no kind of resource called " + r.PathValue("kind"),
			Hint:    "kinds are target, role, policy and mask",
		}
	}
	return k, nil
}

// listResources answers every resource of a kind.
func (a *API) listResources(w http.ResponseWriter, r *http.Request) {
	kind, err := kindOf(r)
	if err != nil {
		problem.Write(w, r, a.logger, err)
		return
	}
	out := []json.RawMessage{}
	for _, res := range a.registry.Snapshot().All(kind) {
		document, err := resources.MarshalCanonical(res)
		if err != nil {
			problem.Write(w, r, a.logger, err)
			return
		}
		out = append(out, document)
	}
	reply(w, a.logger, map[string]any{"resources": out})
}

func (a *API) getResource(w http.ResponseWriter, r *http.Request) {
	res, err := a.find(r)
	if err != nil {
		problem.Write(w, r, a.logger, err)
		return
	}
	if r.URL.Query().Get("format") == "yaml" {
		text, err := resources.MarshalYAML(res)
		if err != nil {
			problem.Write(w, r, a.logger, err)
			return
		}
		w.Header().Set("Content-Type", "application/yaml")
		w.Header().Set("Cache-Control", "no-store")
		_, _ = w.Write(text) // the client is gone when this fails
		return
	}
	document, err := resources.MarshalCanonical(res)
	if err != nil {
		problem.Write(w, r, a.logger, err)
		return
	}
	reply(w, a.logger, json.RawMessage(document))
}

func (a *API) find(r *http.Request) (*resources.Resource, error) {
	kind, err := kindOf(r)
	if err != nil {
		return nil, err
	}
	res, ok := a.registry.Snapshot().Resource(kind, r.PathValue("name"))
	if !ok {
		return nil, &schemas.Error{Code: schemas.CodeNotFound, Message: "there is no " + r.PathValue("kind") + " " + r.PathValue("name")}
	}
	return res, nil
}

// body reads the whole request.
func body(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return nil, &schemas.Error{Code: schemas.CodeInvalid, Message: "read the request: " + err.Error()}
	}
	return data, nil
}

// apply takes YAML documents, checks all of them, and then applies each that differs. With
// ?dry_run=true nothing is applied, and the answer says what would be.
func (a *API) apply(w http.ResponseWriter, r *http.Request) {
	data, err := body(w, r)
	if err != nil {
		problem.Write(w, r, a.logger, err)
		return
	}
	name := r.URL.Query().Get("name")
	if name == "" {
		name = "request"
	}
	do := a.applier.Apply
	switch dry := r.URL.Query().Get("dry_run"); dry {
	case "", "false":
	case "true":
		do = a.applier.Plan
	default:
		problem.Write(w, r, a.logger, &schemas.Error{Code: schemas.CodeInvalid, Message: "dry_run must be true or false"})
		return
	}
	changes, err := do(r.Context(), Who(r.Context()).Principal.Name, name, data)
	if err != nil {
		problem.Write(w, r, a.logger, err)
		return
	}
	reply(w, a.logger, map[string]any{"changes": changes})
}

// putResource applies one resource, which must be the one that the path names.
func (a *API) putResource(w http.ResponseWriter, r *http.Request) {
	kind, err := kindOf(r)
	if err != nil {
		problem.Write(w, r, a.logger, err)
		return
	}
	data, err := body(w, r)
	if err != nil {
		problem.Write(w, r, a.logger, err)
		return
	}
	rs, err := resources.Load("request", data)
	if err == nil && (len(rs) != 1 || rs[0].Kind != kind || rs[0].Metadata.Name != r.PathValue("name")) {
		err = &schemas.Error{Message: "the body must be one " + string(kind) + " named " + r.PathValue("name")}
	}
	if err != nil {
		problem.Write(w, r, a.logger, &schemas.Error{Code: schemas.CodeInvalid, Message: err.Error()})
		return
	}
	changes, err := a.applier.ApplyAll(r.Context(), Who(r.Context()).Principal.Name, "request", rs)
	if err != nil {
		problem.Write(w, r, a.logger, err)
		return
	}
	reply(w, a.logger, map[string]any{"changes": changes})
}

func (a *API) deleteResource(w http.ResponseWriter, r *http.Request) {
	res, err := a.find(r)
	if err != nil {
		problem.Write(w, r, a.logger, err)
		return
	}
	err = a.registry.Append(r.Context(), &schemas.Control{
		By:   Who(r.Context()).Principal.Name,
		Kind: &schemas.Control_ResourceDeleted{ResourceDeleted: &schemas.ResourceDeleted{Kind: string(res.Kind), Name: res.Metadata.Name}},
	})
	if err != nil {
		problem.Write(w, r, a.logger, unavailable(err))
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
