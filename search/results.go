package search

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"sallyport/schemas"
	"sallyport/search/internal/query"
)

// Query is one page of one search.
type Query struct {
	Text   string
	Limit  int    // hits; 20 by default, 200 at most
	Cursor string // Results.Next of the page before; empty: the first page
	Oldest bool   // oldest first; newest first by default
	Counts bool   // facets and histogram, too
}

const (
	defaultLimit = 20
	maxLimit     = 200
)

// Hit is one place on the log.
type Hit struct {
	Session   schemas.SessionID `json:"session"`
	Number    uint64            `json:"number"`            // of the entry to look at
	Command   uint64            `json:"command,omitempty"` // that it belongs to
	Sequence  uint64            `json:"sequence"`          // of the message that holds the entry
	Time      time.Time         `json:"time"`
	Principal string            `json:"principal"`
	Target    string            `json:"target"`
	Protocol  string            `json:"protocol"`
	Field     string            `json:"field"` // command, parameter, rows, error or notice
	Verdict   string            `json:"verdict"`
	Kinds     []string          `json:"kinds"`
	Snippet   string            `json:"snippet"` // HTML: escaped text with <mark>
	Link      string            `json:"link"`
	Run       schemas.RunID     `json:"run,omitempty"`    // that it belongs to
	Prompt    string            `json:"prompt,omitempty"` // beginning of the run's, for who may read it
}

// Results is one page of hits.
type Results struct {
	Hits  []Hit
	Total uint64 // on all pages
	Next  string // cursor of the next page; empty: there is none
	Took  time.Duration

	Facets    map[string][]Count // of all pages, by field; nil unless asked for
	Histogram *Histogram         // of all pages; nil unless asked for, and when there are no hits
}

// Search answers a query for the reader whom ctx tells of. A query that cannot be understood is a
// *schemas.Error that says where.
func (s *Service) Search(ctx context.Context, q Query) (*Results, error) {
	began := s.c.Now()
	n, err := s.parse(q.Text)
	if err != nil {
		return nil, err
	}
	after, err := decodeCursor(q.Cursor)
	if err != nil {
		return nil, err
	}
	targets, all, err := s.c.Authorizer.Allowed(ctx, Permission)
	if err != nil {
		return nil, fmt.Errorf("authorise search: %w", err)
	}
	read := s.promptReader(ctx)
	runs, err := s.promptRuns(ctx, n, read)
	if err != nil {
		return nil, err
	}
	if q.Limit <= 0 {
		q.Limit = defaultLimit
	}
	out := &Results{}
	err = s.look(func(v *view) error {
		e := &evaluator{view: v, now: began, prompted: runs}
		readable, err := v.readable(targets, all)
		if err != nil {
			return err
		}
		found, err := e.matching(ctx, n, readable)
		if err != nil {
			return err
		}
		// One more than the page holds tells whether there is another page.
		p := &page{view: v, oldest: q.Oldest, after: after, size: min(q.Limit, maxLimit) + 1}
		if err := p.of(found); err != nil {
			return err
		}
		out.Total = found.count()
		if err := out.hits(p, e.wanted); err != nil || !q.Counts {
			return err
		}
		if out.Facets, err = v.facets(found); err != nil {
			return err
		}
		out.Histogram, err = v.histogram(found)
		return err
	})
	if err == nil {
		err = errors.Join(prompted(out.Hits, read), s.shown(ctx, out.Hits))
	}
	out.Took = s.c.Now().Sub(began)
	return out, err
}

// shown tells, before hits are given, whose sessions are read.
func (s *Service) shown(ctx context.Context, hits []Hit) error {
	if s.c.Shown == nil || len(hits) == 0 {
		return nil
	}
	var sessions []schemas.SessionID
	for _, h := range hits {
		if !slices.Contains(sessions, h.Session) {
			sessions = append(sessions, h.Session)
		}
	}
	if err := s.c.Shown(ctx, sessions); err != nil {
		return fmt.Errorf("tell that sessions are read: %w", err)
	}
	return nil
}

// hits makes what is shown of a page.
func (out *Results) hits(p *page, ws []wanted) error {
	if len(p.found) == p.size {
		p.found = p.found[:p.size-1]
		out.Next = encodeCursor(p.found[len(p.found)-1].order)
	}
	out.Hits = make([]Hit, 0, len(p.found))
	for _, d := range p.found {
		r, err := p.view.record(d.segment, d.number)
		if err != nil {
			return err
		}
		out.Hits = append(out.Hits, r.hit(ws))
	}
	return nil
}

// look has f look at the index as it is now.
func (s *Service) look(f func(*view) error) error {
	s.live.RLock()
	defer s.live.RUnlock()
	if s.store == nil {
		return errClosed
	}
	v, err := s.store.view()
	if err != nil {
		return err
	}
	if err := errors.Join(f(v), v.close()); err != nil {
		return fmt.Errorf("search: %w", err)
	}
	return nil
}

func (s *Service) parse(text string) (query.Node, error) {
	n, err := query.Parse(text, s.c.Now())
	if wrong, ok := errors.AsType[*query.SyntaxError](err); ok {
		return nil, &schemas.Error{
			Code: schemas.CodeInvalid, Message: "the query is wrong " + wrong.Error(),
			Hint: `for example: who:alice target:orders kind:DROP "customers" verdict:held after:2026-11-01`,
		}
	}
	return n, err
}

func (r *record) hit(ws []wanted) Hit {
	v := r.show(ws)
	h := Hit{
		Session: r.Session.ID, Number: r.Number, Command: r.Command, Sequence: r.Sequence, Time: r.at(),
		Principal: r.Session.Who, Target: r.Session.Target, Protocol: r.Session.Protocol,
		Field: v.field, Verdict: r.About.Verdict, Kinds: r.About.Kinds, Snippet: v.snippet, Run: schemas.RunID(r.Session.Run),
	}
	if v.field == query.Failure {
		h.Number, h.Sequence = r.Failure.Number, r.Failure.Sequence
	}
	if h.Kinds == nil {
		h.Kinds = []string{}
	}
	h.Link = fmt.Sprintf("/sessions/%s?at=%d", url.PathEscape(string(h.Session)), h.Number)
	return h
}

// A cursor is the order of the last hit of a page.
func encodeCursor(order string) string { return base64.RawURLEncoding.EncodeToString([]byte(order)) }

func decodeCursor(c string) (string, error) {
	if c == "" {
		return "", nil
	}
	b, err := base64.RawURLEncoding.DecodeString(c)
	if err != nil || len(b) > 128 || strings.Count(string(b), "/") != 3 {
		return "", &schemas.Error{Code: schemas.CodeInvalid, Message: "the cursor is not one that a search has given"}
	}
	return string(b), nil
}
