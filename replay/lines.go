package replay

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"iter"
)

// WriteLines writes a session as NDJSON, an entry a line.
func WriteLines(w io.Writer, entries iter.Seq2[Entry, error]) error {
	out := bufio.NewWriterSize(w, 64<<10)
	lines := json.NewEncoder(out)
	for e, err := range entries {
		if err != nil {
			return err
		}
		if err := lines.Encode(e); err != nil {
			return fmt.Errorf("write entry: %w", err)
		}
	}
	return out.Flush()
}
