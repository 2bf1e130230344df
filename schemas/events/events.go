package events

import (
	"embed"
	"iter"
	"strings"
)

//go:embed *.json
var files embed.FS

// Schema returns the JSON Schema of an event type such as sallyport.session.opened.v1.
func Schema(eventType string) ([]byte, bool) {
	data, err := files.ReadFile(strings.TrimPrefix(eventType, "sallyport.") + ".json")
	return data, err == nil && strings.HasPrefix(eventType, "sallyport.")
}

// All walks every schema with its $id, the one that they share included.
func All() iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		entries, _ := files.ReadDir(".") // embedded: it is there
		for _, e := range entries {
			data, _ := files.ReadFile(e.Name())
			if !yield("urn:"+"sallyport:event:"+strings.TrimSuffix(e.Name(), ".json"), data) {
				return
			}
		}
	}
}
