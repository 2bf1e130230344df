package replay

import (
	"fmt"
	"net/http"
	"strconv"

	"sallyport/schemas"
)

// listRuns answers GET /runs: the runs that the reader may see, newest first.
func (s *Service) listRuns(w http.ResponseWriter, r *http.Request) error {
	if err := s.waitRuns(r.Context()); err != nil {
		return err
	}
	limit, err := number(r, "limit", 50, 500)
	if err != nil {
		return err
	}
	cursor, err := number(r, "cursor", 0, 1<<62)
	if err != nil {
		return err
	}
	reader, err := s.runReader(r)
	if err != nil {
		return err
	}
	answer := struct {
		Runs []*RunSummary `json:"runs"`
		Next string        `json:"next"`
	}{Runs: []*RunSummary{}}
	agent := r.URL.Query().Get("agent")
	for {
		some := s.Runs.before(cursor, 256)
		if len(some) == 0 {
			return reply(w, answer)
		}
		for _, one := range some {
			cursor = one.sequence
			if agent != "" && agent != one.Agent {
				continue
			}
			sum, err := reader.see(one)
			if err != nil {
				return err
			}
			if sum == nil {
				continue
			}
			if answer.Runs = append(answer.Runs, sum); len(answer.Runs) == int(limit) {
				answer.Next = strconv.FormatUint(cursor, 10)
				return reply(w, answer)
			}
		}
	}
}

// getRun answers GET /runs/{id}: the prompt and what came of it.
func (s *Service) getRun(w http.ResponseWriter, r *http.Request) error {
	if err := s.waitRuns(r.Context()); err != nil {
		return err
	}
	reader, err := s.runReader(r)
	if err != nil {
		return err
	}
	id := schemas.RunID(r.PathValue("id"))
	one, err := s.Runs.Get(r.Context(), id)
	if err != nil {
		return err
	}
	sum, err := reader.see(one)
	if err != nil {
		return err
	}
	if sum == nil { // said as of a run that is not there
		return &schemas.Error{Code: schemas.CodeNotFound, Message: fmt.Sprintf("there is no run %q", string(id))}
	}
	chain, err := s.chain(r.Context(), sum)
	if err != nil {
		return err
	}
	for _, child := range s.Runs.below(id) {
		below, err := reader.see(child)
		if err != nil {
			return err
		}
		if below != nil {
			chain.Children = append(chain.Children, *below)
		}
	}
	return reply(w, chain)
}
