package server

import (
	_ "embed"
	"net/http"
)

// openAPI describes the API; `make docs` writes it.
//
//go:embed openapi.json
var openAPI []byte

func serveOpenAPI(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(openAPI) // the client is gone when this fails
}
