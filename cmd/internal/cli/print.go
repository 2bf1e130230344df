package cli

import (
	"encoding/json"
	"io"
)

// printLines prints each value as one line of JSON.
func printLines[T any](w io.Writer, values []T) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	for _, v := range values {
		if err := e.Encode(v); err != nil {
			return err
		}
	}
	return nil
}
