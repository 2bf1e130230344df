package config

import (
	"errors"
	"net/url"
	"time"
)

// Masks is what masks need besides their resources.
type Masks struct {
	External External `yaml:"external" doc:"Detector that runs elsewhere: Presidio's analyzer, or what speaks its HTTP API. Masks ask for it with detect: [external]; while it does not answer, values are masked whole."`
}

// External is a detector that runs elsewhere.
type External struct {
	URL         string        `yaml:"url" doc:"Of the analyzer, without /analyze. Empty: there is none, and commands on targets with masks that ask for it are denied."`
	Deadline    time.Duration `yaml:"deadline" doc:"Time to answer for one value."`
	Language    string        `yaml:"language" doc:"Of the values, two letters."`
	Entities    []string      `yaml:"entities" doc:"What it looks for, by its own names. Empty: all that it knows."`
	MinScore    float64       `yaml:"min_score" doc:"Finds of a lower score, from 0 to 1, do not count."`
	MaxInFlight int           `yaml:"max_in_flight" doc:"Values asked about at once."`
}

func defaultMasks() Masks {
	return Masks{External: External{Deadline: time.Second, Language: "en", MaxInFlight: 8}}
}

func (m *Masks) check() []error {
	var errs []error
	e := &m.External
	if u, err := url.Parse(e.URL); e.URL != "" && (err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "") {
		errs = append(errs, errors.New("masks.external.url: it is no http or https URL"))
	}
	if e.Deadline <= 0 || e.MaxInFlight <= 0 {
		errs = append(errs, errors.New("masks.external: deadline and max_in_flight must be above zero"))
	}
	if e.MinScore < 0 || e.MinScore > 1 {
		errs = append(errs, errors.New("masks.external.min_score: must be from 0 to 1"))
	}
	return errs
}
