package api

import "net/http"

// mountConsole adds what pages for administrators ask for, and what people keep of their own.
func (a *API) mountConsole(mux *http.ServeMux) {
	mux.Handle("GET /api/v1/audit", a.admin(a.audit))
	mux.Handle("GET /api/v1/resources/{kind}/{name}/history", a.admin(a.resourceHistory))
	mux.HandleFunc("GET /api/v1/searches", a.listSearches)
	mux.HandleFunc("PUT /api/v1/searches/{name}", a.saveSearch)
	mux.HandleFunc("DELETE /api/v1/searches/{name}", a.forgetSearch)
}
