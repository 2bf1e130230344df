// Command docs writes the reference pages from what they describe: the configuration's Go type and
// the JSON Schemas of resources. `make docs` runs it; a test holds the pages against it.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	for name, page := range pages() {
		text, err := page()
		if err == nil {
			err = os.WriteFile(filepath.Join("deploy/docs", name), []byte(text), 0o644)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "docs:", err)
			os.Exit(1)
		}
	}
}

// pages maps a page's file name to what writes it.
func pages() map[string]func() (string, error) {
	return map[string]func() (string, error){
		"configuration.md": configuration,
		"resources.md":     resourcesPage,
	}
}
