package mask

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// Config is what an External is made of.
type Config struct {
	URL         string        // of the analyzer, without /analyze
	Deadline    time.Duration // for one value, waiting for a place included; 0 is one second
	Language    string        // of the values, two letters; "" is en
	Entities    []string      // what is looked for, by the analyzer's names; none is all that it knows
	MinScore    float64       // finds of a lower score do not count; from 0 to 1
	MaxInFlight int           // values asked about at once; 0 is 8
	MaxBytes    int           // longer values are not asked about, which is an error; 0 is 64 KiB
	MaxAnswer   int64         // bytes of an answer; 0 is 1 MiB
	Client      *http.Client  // nil is one of its own, without redirects

	Failures int              // errors in a row after which it counts as down; 0 is 5
	Cooldown time.Duration    // how long a dead detector is not asked; 0 is 5 s
	Now      func() time.Time // nil is time.Now
}

// External asks a detector that runs elsewhere: Presidio's analyzer, or what speaks its HTTP API.
// It is safe for concurrent use. Every error means that the value may have anything in it.
type External struct {
	cfg     Config
	url     string
	places  chan struct{}
	breaker breaker
}

// Errors of Find. An answer that makes no sense and an analyzer that cannot be reached have errors of their own.
var (
	ErrDown    = errors.New("the external detector is down")        // it failed lately, and was not asked
	ErrBusy    = errors.New("the external detector is busy")        // no place became free in time
	ErrTooLong = errors.New("too long for the external detector")   // more than MaxBytes
	ErrAnswer  = errors.New("the external detector makes no sense") // its answer is not what its API says
)

// NewExternal checks the configuration; it does not ask the analyzer.
func NewExternal(c Config) (*External, error) {
	u, err := url.Parse(c.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, errors.New("the address of the external detector is no http or https URL")
	}
	if c.MinScore < 0 || c.MinScore > 1 {
		return nil, fmt.Errorf("a score of %v is not from 0 to 1", c.MinScore)
	}
	c = c.withDefaults()
	return &External{
		cfg: c, url: u.JoinPath("analyze").String(), places: make(chan struct{}, c.MaxInFlight),
		breaker: breaker{limit: c.Failures, cooldown: c.Cooldown, now: c.Now},
	}, nil
}

func (c Config) withDefaults() Config {
	c.Deadline = or(c.Deadline, time.Second)
	c.Language = or(c.Language, "en")
	c.MaxInFlight = or(c.MaxInFlight, 8)
	c.MaxBytes = or(c.MaxBytes, 64<<10)
	c.MaxAnswer = or(c.MaxAnswer, 1<<20)
	c.Failures = or(c.Failures, 5)
	c.Cooldown = or(c.Cooldown, 5*time.Second)
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Client == nil {
		c.Client = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	return c
}

// or is v, or d when v is zero.
func or[T comparable](v, d T) T {
	var zero T
	if v == zero {
		return d
	}
	return v
}

// Find asks the analyzer what is in value: matches sorted and not overlapping, offsets in bytes.
func (e *External) Find(ctx context.Context, value []byte) ([]Match, error) {
	if len(value) == 0 {
		return nil, nil // the analyzer refuses an empty text
	}
	if len(value) > e.cfg.MaxBytes {
		return nil, ErrTooLong
	}
	deadline, cancel := context.WithTimeout(ctx, e.cfg.Deadline)
	defer cancel()
	if !e.breaker.ready() {
		return nil, ErrDown
	}
	select {
	case e.places <- struct{}{}:
		defer func() { <-e.places }()
	case <-deadline.Done():
		return nil, ErrBusy
	}
	if !e.breaker.enter() { // it may have failed while this waited
		return nil, ErrDown
	}
	matches, err := e.ask(deadline, value)
	if err != nil && ctx.Err() != nil {
		e.breaker.abandon()
		return nil, ctx.Err() // the caller's wish says nothing of the analyzer
	}
	e.breaker.leave(err == nil)
	return matches, err
}
