package mask

// PresidioMatches is for fuzzing.
var PresidioMatches = presidioMatches

// Rules calls see for each rule with a regular expression: its text, its keywords, and the expressions of
// its allowlists.
func Rules(see func(text string, keywords, allow []string)) error {
	all, err := appendSecretRules(cloudRules())
	for _, r := range all {
		var list []string
		for _, a := range r.allow {
			list = append(list, a.regexes...)
		}
		see(r.text, r.keywords, list)
	}
	return err
}
