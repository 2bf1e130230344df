package replay

import "context"

// RebuildReport says what a rebuild found.
type RebuildReport struct {
	Projection  string   `json:"projection"`
	Entries     uint64   `json:"entries"` // items that the log gives
	Equal       bool     `json:"equal"`   // the projection was what the log gives
	Differences []string `json:"differences"`
	Appended    int      `json:"appended"` // items that were missing, and were added or written anew
}

// Projection is something derived from the log that can be derived again. Rebuild builds it
// beside the running one, compares the two at the same position, and puts the new one in its
// place where they differ.
type Projection interface {
	Name() string
	Rebuild(ctx context.Context) (RebuildReport, error)
}

// mostDifferences bounds how many a report spells out.
const mostDifferences = 100

func (r *RebuildReport) differ(what string) {
	r.Equal = false
	if len(r.Differences) < mostDifferences {
		r.Differences = append(r.Differences, what)
	}
}
