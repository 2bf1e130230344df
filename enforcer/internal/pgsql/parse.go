package pgsql

import (
	"fmt"

	pgtypes "github.com/pganalyze/pg_query_go/v6"
	pgquery "github.com/wasilibs/go-pgquery"
)

// Warm parses once on every parser, so that the first commands need not wait for them to start.
// The parser in pure Go takes over a second and 250 MB for each.
func (a *Analyzer) Warm() error {
	errs := make(chan error, a.c.Parsers)
	start := make(chan struct{})
	for range a.c.Parsers {
		go func() {
			<-start
			_, err := a.parse("SELECT 1")
			errs <- err
		}()
	}
	close(start)
	var first error
	for range a.c.Parsers {
		if err := <-errs; err != nil && first == nil {
			first = err
		}
	}
	return first
}

// parse returns the tree of text, which has passed foreign.
func (a *Analyzer) parse(text string) (tree *pgtypes.ParseResult, err error) {
	a.slots <- struct{}{}
	defer func() { <-a.slots }()
	defer rescue(&err)
	if err := a.guard(text); err != nil {
		return nil, err
	}
	return pgquery.Parse(text)
}

// parseBody returns the tree of a CREATE FUNCTION or DO in PL/pgSQL, as JSON.
func (a *Analyzer) parseBody(text string) (tree string, err error) {
	a.slots <- struct{}{}
	defer func() { <-a.slots }()
	defer rescue(&err)
	if err := a.guard(text); err != nil {
		return "", err
	}
	return pgquery.ParsePlPgSqlToJSON(text)
}

// tokens returns the tokens of text with their places in bytes.
func (a *Analyzer) tokens(text string) ([]*pgtypes.ScanToken, error) {
	a.slots <- struct{}{}
	defer func() { <-a.slots }()
	return scan(text)
}

// scan is tokens for who holds a parser.
func scan(text string) (tokens []*pgtypes.ScanToken, err error) {
	defer rescue(&err)
	r, err := pgquery.Scan(text)
	if err != nil {
		return nil, err
	}
	return r.Tokens, nil
}

// rescue makes an error of a panic in the parser's Go half: the text is then unparsed.
func rescue(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("the parser failed on the text")
	}
}
