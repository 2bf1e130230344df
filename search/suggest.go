package search

import (
	"context"
	"fmt"
	"strings"

	"sallyport/schemas"
	"sallyport/search/internal/query"
)

const (
	suggestions    = 10
	mostSuggested  = 50
	suggestedTried = 5000 // values that are looked at, the commonest first
)

// Suggest returns values of a field that begin with prefix and that the reader whom ctx tells of
// can find something with, the commonest first.
func (s *Service) Suggest(ctx context.Context, field, prefix string, limit int) ([]Count, error) {
	f, ok := query.Known(field)
	if !ok || f == query.After || f == query.Before || f == query.Prompt {
		return nil, &schemas.Error{Code: schemas.CodeInvalid, Message: fmt.Sprintf("there is no field %q that has values to choose from", field)}
	}
	targets, all, err := s.c.Authorizer.Allowed(ctx, Permission)
	if err != nil {
		return nil, fmt.Errorf("authorise search: %w", err)
	}
	out := []Count{}
	err = s.look(func(v *view) error {
		readable, err := v.readable(targets, all)
		if err != nil {
			return err
		}
		prefix := strings.ToLower(prefix)
		terms, err := v.frequent(string(f), prefix, afterPrefix(prefix))
		if err != nil {
			return err
		}
		for _, t := range terms[:min(len(terms), suggestedTried)] {
			if err := ctx.Err(); err != nil {
				return err
			}
			in, err := v.postings(string(f), t.Value)
			if err != nil {
				return err
			}
			if n := both(readable, in); n > 0 {
				out = append(out, Count{spelt(f, t.Value), n})
			}
			if len(out) == limit {
				break
			}
		}
		return nil
	})
	return out, err
}

// spelt is a value of the index as people write it.
func spelt(f query.Field, value string) string {
	if f == query.Kind {
		return strings.ToUpper(value)
	}
	return value
}
