package replay

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"sallyport/schemas"
)

// mostPrompts bounds the prompts that one request reads to find text in; the next page goes on.
const mostPrompts = 500

// listRuns answers GET /runs: the runs that the reader may see, newest first; with ?agent= of one agent, with ?prompt= those
// in whose prompt, where the reader may read it, that text stands.
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
	reader, err := s.runReader(r.Context())
	if err != nil {
		return err
	}
	answer := struct {
		Runs []*RunSummary `json:"runs"`
		Next string        `json:"next"`
	}{Runs: []*RunSummary{}}
	agent, text := r.URL.Query().Get("agent"), unspaced(r.URL.Query().Get("prompt"))
	read := 0
	for {
		some := s.Runs.before(cursor, 256)
		if len(some) == 0 {
			return reply(w, answer)
		}
		for _, one := range some {
			before := cursor // from where on a page has this one, too
			cursor = one.sequence
			if agent != "" && agent != one.Agent {
				continue
			}
			sum, err := reader.see(one)
			if err != nil {
				return err
			}
			if sum == nil || text != "" && !sum.whole {
				continue
			}
			if text != "" {
				if read == mostPrompts {
					answer.Next = strconv.FormatUint(before, 10)
					return reply(w, answer)
				}
				read++
				prompt, err := s.Runs.Prompt(r.Context(), one)
				if err != nil {
					return err
				}
				if !strings.Contains(unspaced(prompt), text) {
					continue
				}
			}
			if answer.Runs = append(answer.Runs, sum); len(answer.Runs) == int(limit) {
				answer.Next = strconv.FormatUint(cursor, 10)
				return reply(w, answer)
			}
		}
	}
}

// unspaced is a text without regard to case and to how it is spaced.
func unspaced(text string) string { return strings.ToLower(strings.Join(strings.Fields(text), " ")) }

// getRun answers GET /runs/{id}: the prompt and what came of it.
func (s *Service) getRun(w http.ResponseWriter, r *http.Request) error {
	if err := s.waitRuns(r.Context()); err != nil {
		return err
	}
	reader, err := s.runReader(r.Context())
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
