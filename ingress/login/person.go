package login

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"sallyport/schemas"
)

// Bounds of what a provider may say.
const (
	maxName   = 200 // bytes
	maxGroups = 1000
)

// Mapping says how what a provider claims about somebody becomes a user and groups.
type Mapping struct {
	Name            string   // claim with the user's name: "email"
	Groups          string   // claim with the groups: "groups"; empty: no groups
	NamePrefix      string   // before the name, so that two providers' users stay apart
	GroupPrefix     string   // before each group
	Domains         []string // only names that end in @ and one of these; empty: any
	OnlyGroups      []string // patterns (path.Match) of groups that are taken over, before the prefix; empty: all
	UnverifiedEmail bool     // the claim email is taken though email_verified is not true
}

// User returns who a provider's claims are about. Errors are for the person who signs in.
func (m Mapping) User(claims map[string]any) (*schemas.Principal, error) {
	name, ok := claim(claims, m.Name).(string)
	if !ok || name == "" {
		return nil, refuse("the provider did not say who you are: the claim " + m.Name + " is missing")
	}
	if verified, _ := claims["email_verified"].(bool); m.Name == "email" && !verified && !m.UnverifiedEmail {
		return nil, refuse("the provider has not verified your e-mail address")
	}
	if len(m.Domains) > 0 {
		_, domain, _ := strings.Cut(name, "@")
		if !slices.ContainsFunc(m.Domains, func(d string) bool { return strings.EqualFold(d, domain) }) {
			return nil, refuse("users of your domain are not let in through this provider")
		}
	}
	if name = m.NamePrefix + name; ValidName(name) != nil {
		return nil, refuse("the name that the provider gave you cannot be used here")
	}
	groups, err := m.groups(claims)
	if err != nil {
		return nil, err
	}
	return &schemas.Principal{Name: name, Kind: schemas.PrincipalKind_PRINCIPAL_KIND_USER, Groups: groups}, nil
}

func (m Mapping) groups(claims map[string]any) ([]string, error) {
	if m.Groups == "" {
		return nil, nil
	}
	if elsewhere, _ := claims["_claim_names"].(map[string]any); elsewhere[m.Groups] != nil {
		return nil, refuse("you are in more groups than the provider sends; it must be told to send fewer")
	}
	var said []string
	switch v := claim(claims, m.Groups).(type) {
	case string:
		said = []string{v}
	case []string:
		said = v
	case []any:
		for _, one := range v {
			if s, ok := one.(string); ok {
				said = append(said, s)
			}
		}
	}
	var groups []string
	for _, g := range said {
		if g = strings.TrimSpace(g); g != "" && m.takes(g) && ValidName(m.GroupPrefix+g) == nil {
			groups = append(groups, m.GroupPrefix+g)
		}
	}
	slices.Sort(groups)
	if groups = slices.Compact(groups); len(groups) > maxGroups {
		return nil, refuse(fmt.Sprintf("you are in more than %d groups", maxGroups))
	}
	return groups, nil
}

func (m Mapping) takes(group string) bool {
	return len(m.OnlyGroups) == 0 || slices.ContainsFunc(m.OnlyGroups, func(p string) bool {
		ok, err := path.Match(p, group)
		return ok && err == nil
	})
}

// claim finds a claim by its name, or, where none has that name, by a path with dots.
func claim(claims map[string]any, name string) any {
	if v, ok := claims[name]; ok {
		return v
	}
	first, rest, more := strings.Cut(name, ".")
	if inner, ok := claims[first].(map[string]any); ok && more {
		return claim(inner, rest)
	}
	return nil
}

// reserved are names that mean nobody in particular on the log.
var reserved = []string{"administrator", "system"}

// ValidName checks the name of a user, an agent or a group.
func ValidName(name string) error {
	switch {
	case name == "" || len(name) > maxName:
		return fmt.Errorf("a name has 1 to %d bytes", maxName)
	case !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }):
		return fmt.Errorf("a name is made of printable characters")
	case strings.TrimSpace(name) != name:
		return fmt.Errorf("a name does not begin or end with a space")
	case slices.ContainsFunc(reserved, func(r string) bool { return strings.EqualFold(r, name) }):
		return fmt.Errorf("the name %s is reserved", name)
	}
	return nil
}

func refuse(message string) error {
	return &schemas.Error{Code: schemas.CodeUnauthenticated, Message: message, Hint: "ask whoever runs this gateway"}
}
