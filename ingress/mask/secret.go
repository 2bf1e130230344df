package mask

import (
	_ "embed"
	"fmt"
	"strings"

	"github.com/BurntSushi/toml"
)

// gitleaks is the rule set of gitleaks, as published; rules/NOTICE has its version and licence.
//
//go:embed rules/gitleaks.toml
var gitleaks string

// gitleaksFile is what of the file is used.
type gitleaksFile struct {
	Allowlist gitleaksAllow
	Rules     []struct {
		ID          string
		Regex       string
		Path        string
		SecretGroup int
		Entropy     float64
		Keywords    []string
		Allowlists  []gitleaksAllow
	}
}

type gitleaksAllow struct {
	Condition   string
	RegexTarget string
	Regexes     []string
	StopWords   []string
	Paths       []string
}

// left reports whether a rule is left out: those of other detectors, and those for files of a name.
func left(id, regex, path string) bool {
	return id == "private-key" || id == "jwt" || regex == "" || path != ""
}

// appendSecretRules appends the rules of Secret.
func appendSecretRules(rules []*rule) ([]*rule, error) {
	var file gitleaksFile
	if _, err := toml.Decode(gitleaks, &file); err != nil {
		return nil, fmt.Errorf("read the rules for secrets: %w", err)
	}
	global := allow{regexes: file.Allowlist.Regexes, stopwords: lower(file.Allowlist.StopWords)}
	for _, r := range file.Rules {
		if left(r.ID, r.Regex, r.Path) || len(r.Keywords) == 0 {
			continue
		}
		add := &rule{
			kind: kindSecret, keywords: lower(r.Keywords), text: r.Regex,
			group: r.SecretGroup, entropy: r.Entropy, allow: []allow{global},
		}
		for _, a := range r.Allowlists {
			if a.Condition == "" && len(a.Paths) == 0 { // files have no part in a value
				add.allow = append(add.allow, allow{target: a.RegexTarget, regexes: a.Regexes, stopwords: lower(a.StopWords)})
			}
		}
		rules = append(rules, add)
	}
	return rules, nil
}

func lower(words []string) []string {
	var low []string
	for _, w := range words {
		low = append(low, strings.ToLower(w))
	}
	return low
}
