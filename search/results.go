package search

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/blevesearch/bleve/v2"
	blevesearch "github.com/blevesearch/bleve/v2/search"
	blevequery "github.com/blevesearch/bleve/v2/search/query"

	"sallyport/schemas"
	"sallyport/search/internal/query"
)

// Query is one page of one search.
type Query struct {
	Text   string
	Limit  int    // hits; 20 by default, 200 at most
	Cursor string // Results.Next of the page before; empty: the first page
	Oldest bool   // oldest first; newest first by default
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
}

// Results is one page of hits.
type Results struct {
	Hits  []Hit
	Total uint64 // on all pages
	Next  string // cursor of the next page; empty: there is none
	Took  time.Duration
}

// Search answers a query for the reader whom ctx tells of. A query that cannot be understood is a
// *schemas.Error that says where.
func (s *Service) Search(ctx context.Context, q Query) (*Results, error) {
	began := s.c.Now()
	req, ws, err := s.request(ctx, q)
	if err != nil {
		return nil, err
	}
	res, err := s.run(ctx, req)
	if err != nil {
		return nil, err
	}
	out := &Results{Total: res.Total, Hits: make([]Hit, 0, len(res.Hits))}
	for i, m := range res.Hits {
		if i == req.Size-1 {
			out.Next = encodeCursor(res.Hits[i-1].Sort[0])
			break
		}
		r, err := matched(m)
		if err != nil {
			return nil, err
		}
		out.Hits = append(out.Hits, r.hit(ws))
	}
	out.Took = s.c.Now().Sub(began)
	return out, nil
}

func (s *Service) run(ctx context.Context, req *bleve.SearchRequest) (*bleve.SearchResult, error) {
	s.live.RLock()
	defer s.live.RUnlock()
	if s.store == nil {
		return nil, errClosed
	}
	res, err := s.store.bleve.SearchInContext(ctx, req)
	if err != nil {
		return nil, fmt.Errorf("search: %w", err)
	}
	return res, nil
}

// request asks for one hit more than the page holds, to know whether there is another page.
func (s *Service) request(ctx context.Context, q Query) (*bleve.SearchRequest, []wanted, error) {
	matching, ws, err := s.matching(q.Text)
	if err != nil {
		return nil, nil, err
	}
	targets, all, err := s.c.Authorizer.Allowed(ctx, Permission)
	if err != nil {
		return nil, nil, fmt.Errorf("authorise search: %w", err)
	}
	if q.Limit <= 0 {
		q.Limit = defaultLimit
	}
	req := bleve.NewSearchRequestOptions(readable(matching, targets, all), min(q.Limit, maxLimit)+1, 0, false)
	req.Fields = []string{fieldStored}
	req.Score = "none"
	req.SortByCustom(blevesearch.SortOrder{&blevesearch.SortField{
		Field: fieldOrder, Desc: !q.Oldest, Type: blevesearch.SortFieldAsString,
	}})
	if q.Cursor != "" {
		after, err := decodeCursor(q.Cursor)
		if err != nil {
			return nil, nil, err
		}
		req.SetSearchAfter([]string{after})
	}
	return req, ws, nil
}

func (s *Service) matching(text string) (blevequery.Query, []wanted, error) {
	now := s.c.Now()
	n, err := query.Parse(text, now)
	if wrong, ok := errors.AsType[*query.SyntaxError](err); ok {
		return nil, nil, &schemas.Error{
			Code: schemas.CodeInvalid, Message: "the query is wrong " + wrong.Error(),
			Hint: `for example: who:alice target:orders kind:DROP "customers" verdict:held after:2026-11-01`,
		}
	}
	if err != nil {
		return nil, nil, err
	}
	c := &compiler{now: now}
	q, err := c.compile(n)
	return q, c.wanted, err
}

func matched(m *blevesearch.DocumentMatch) (*record, error) {
	b, ok := m.Fields[fieldStored].(string)
	if !ok {
		return nil, fmt.Errorf("document %s has no record", m.ID)
	}
	return decodeRecord([]byte(b))
}

func (r *record) hit(ws []wanted) Hit {
	v := r.show(ws)
	h := Hit{
		Session: r.Session.ID, Number: r.Number, Command: r.Command, Sequence: r.Sequence, Time: r.at(),
		Principal: r.Session.Who, Target: r.Session.Target, Protocol: r.Session.Protocol,
		Field: v.field, Verdict: r.About.Verdict, Kinds: r.About.Kinds, Snippet: v.snippet,
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
	b, err := base64.RawURLEncoding.DecodeString(c)
	if err != nil || len(b) > 128 || strings.Count(string(b), "/") != 3 {
		return "", &schemas.Error{Code: schemas.CodeInvalid, Message: "the cursor is not one that a search has given"}
	}
	return string(b), nil
}
