// Command docs writes the reference pages from what they describe: the configuration's Go type and
// the JSON Schemas of resources; and the OpenAPI document, from the routes in the code and the types
// that they send. `make docs` runs it; a test holds the pages against it.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	for name, page := range pages(".") {
		text, err := page()
		if err == nil {
			err = os.WriteFile(name, []byte(text), 0o644)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "docs:", err)
			os.Exit(1)
		}
	}
}

// pages maps the path of a page, in the tree at root, to what writes it.
func pages(root string) map[string]func() (string, error) {
	return map[string]func() (string, error){
		filepath.Join(root, "deploy/docs/configuration.md"):     configuration,
		filepath.Join(root, "deploy/docs/resources.md"):         resourcesPage,
		filepath.Join(root, "cmd/internal/server/openapi.json"): func() (string, error) { return openAPI(root) },
	}
}
