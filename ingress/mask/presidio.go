package mask

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"unicode/utf8"
)

// presidioRequest is the body of POST /analyze.
type presidioRequest struct {
	Text           string   `json:"text"`
	Language       string   `json:"language"`
	Entities       []string `json:"entities,omitempty"`
	ScoreThreshold float64  `json:"score_threshold"`
}

// presidioResult is one element of its answer. Offsets count characters (code points).
type presidioResult struct {
	Start  *int     `json:"start"`
	End    *int     `json:"end"`
	Score  *float64 `json:"score"`
	Entity string   `json:"entity_type"`
}

func (e *External) ask(ctx context.Context, value []byte) ([]Match, error) {
	body, err := json.Marshal(presidioRequest{
		Text: string(value), Language: e.cfg.Language, Entities: e.cfg.Entities, ScoreThreshold: e.cfg.MinScore,
	})
	if err != nil {
		return nil, errors.New("write the question to the external detector")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.url, bytes.NewReader(body))
	if err != nil {
		return nil, errors.New("make the question to the external detector")
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := e.cfg.Client.Do(req)
	if err != nil {
		if u := new(url.Error); errors.As(err, &u) {
			err = u.Err // without the address, which may have a password
		}
		return nil, fmt.Errorf("ask the external detector: %w", err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, e.cfg.MaxAnswer+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read the external detector's answer: %w", err)
	case res.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("%w: status %d", ErrAnswer, res.StatusCode)
	case int64(len(answer)) > e.cfg.MaxAnswer:
		return nil, fmt.Errorf("%w: more than %d bytes", ErrAnswer, e.cfg.MaxAnswer)
	}
	return presidioMatches(value, answer, e.cfg.MinScore)
}

// presidioMatches reads an answer about value. What cannot be so is an error: a match that was lost would
// be shown.
func presidioMatches(value, answer []byte, minScore float64) ([]Match, error) {
	var results []presidioResult
	if err := json.Unmarshal(answer, &results); err != nil || results == nil {
		return nil, fmt.Errorf("%w: it is no list of results", ErrAnswer)
	}
	at := offsets(value)
	var matches []Match
	for _, r := range results {
		if r.Start == nil || r.End == nil || r.Score == nil || r.Entity == "" {
			return nil, fmt.Errorf("%w: a result without start, end, score or entity_type", ErrAnswer)
		}
		if *r.Start < 0 || *r.End <= *r.Start || *r.End >= len(at) || *r.Score < 0 || *r.Score > 1 {
			return nil, fmt.Errorf("%w: a result outside of the text", ErrAnswer)
		}
		if *r.Score >= minScore {
			matches = append(matches, Match{Start: at[*r.Start], End: at[*r.End], Detector: ExternalDetector})
		}
	}
	return merge(matches), nil
}

// offsets returns where each character of value starts, and its end. A byte that is no UTF-8 counts
// as one, as it is sent as one.
func offsets(value []byte) []int {
	at := make([]int, 0, len(value)+1)
	for i := 0; i < len(value); {
		at = append(at, i)
		_, n := utf8.DecodeRune(value[i:])
		i += n
	}
	return append(at, len(value))
}

// merge sorts matches and makes one of those that overlap.
func merge(all []Match) []Match {
	slices.SortFunc(all, func(a, b Match) int { return a.Start - b.Start })
	merged := all[:0]
	for _, m := range all {
		if n := len(merged); n > 0 && m.Start < merged[n-1].End {
			merged[n-1].End = max(merged[n-1].End, m.End)
			continue
		}
		merged = append(merged, m)
	}
	return merged
}
