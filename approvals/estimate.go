package approvals

import (
	"context"

	"sallyport/schemas/approval"
)

// Estimate is what the target's planner expects of a held statement. Nothing was run for it.
type Estimate struct {
	Pending bool    `json:"pending"` // it is on its way
	Failure string  `json:"failure"` // non-empty: there is none, for this reason
	Rows    float64 `json:"rows"`    // that the statement would return or change
	Cost    float64 `json:"cost"`    // of finding them, in the planner's units
	Scans   []Scan  `json:"scans"`   // of its plan, from the top
}

// Scan is how the plan reads one table.
type Scan struct {
	Node     string  `json:"node"`
	Relation string  `json:"relation"`
	Rows     float64 `json:"rows"`
}

// estimate is what the sender of ctx may see of it. Who asked may not: numbers of rows tell what is in
// columns, and theirs may be masked for them.
func (s *Service) estimate(ctx context.Context, state approval.State) *Estimate {
	if who := s.c.Who(ctx); !who.Anonymous && who.Principal.GetName() == state.Ask.GetPrincipal().GetName() {
		return nil
	}
	e := state.Estimate
	if e == nil {
		if until := state.Estimating(); s.book.clock(s.c.Now()).Before(until) {
			return &Estimate{Pending: true, Scans: []Scan{}}
		} else if !until.IsZero() {
			return &Estimate{Failure: "the gateway did not say", Scans: []Scan{}}
		}
		return nil
	}
	out := &Estimate{Failure: e.GetFailure(), Rows: e.GetRows(), Cost: e.GetCost(), Scans: []Scan{}}
	for _, scan := range e.GetScans() {
		out.Scans = append(out.Scans, Scan{Node: scan.GetNode(), Relation: scan.GetRelation(), Rows: scan.GetRows()})
	}
	return out
}
