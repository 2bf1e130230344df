package mask

import (
	"bytes"
	"math"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// rule is a regular expression behind keywords. It is compiled when it is first needed.
type rule struct {
	kind     kind
	keywords []string // in lower case; one of them stands near what the rule finds
	text     string   // the expression
	group    int      // what of it is the secret; 0: the first group that is not empty, or all
	entropy  float64  // a secret has more, in bits a byte; 0 asks nothing
	allow    []allow

	once    sync.Once
	regexp  *regexp.Regexp // nil when text is no expression of Go's; a test holds that none is
	starts  bool           // what it finds starts with a keyword, after a prefix that is left out of it
	targets []allowed
}

// allow is an allowlist: what it matches is no secret after all.
type allow struct {
	target    string // what the expressions look at: the secret, the match or the line
	regexes   []string
	stopwords []string // in lower case; a secret with one is none
}

type allowed struct {
	target    string
	regexes   []*regexp.Regexp
	stopwords *automaton
}

// anyPrefix is how many rules begin: with what may stand before their keyword in a name. Searching for
// that is what costs most, so such a rule is tried where its keyword is, and nowhere else.
const (
	anyPrefix  = `(?i)[\w.-]{0,50}?`
	longPrefix = 50
	anyAssign  = `(?:[ \t\w.-]{0,20})[\s'"]{0,3}(?:=|>|:{1,3}=|\|\||:|=>|\?=|,)` // what follows the keyword then
	farAssign  = 100                                                             // bytes in which that is over
)

func (r *rule) compile() {
	text := r.text
	if r.starts = r.startsWithKeyword(); r.starts {
		text = "(?i)^(?:" + text[len(anyPrefix):] + ")"
	}
	r.regexp, _ = regexp.Compile(text)
	for _, a := range r.allow {
		c := allowed{target: a.target}
		for _, text := range a.regexes {
			if re, err := regexp.Compile(text); err == nil {
				c.regexes = append(c.regexes, re)
			}
		}
		if len(a.stopwords) > 0 {
			c.stopwords = newAutomaton(a.stopwords)
		}
		r.targets = append(r.targets, c)
	}
}

// startsWithKeyword reports whether r has the form that anyPrefix and anyAssign are of, and each keyword is
// what stands between them. (Some rules have keywords from elsewhere in the expression.)
func (r *rule) startsWithKeyword() bool {
	text, ok := strings.CutPrefix(r.text, anyPrefix)
	head, _, assigned := strings.Cut(text, anyAssign)
	if !ok || !assigned {
		return false
	}
	start, err := regexp.Compile("(?i)^(?:" + head + ")")
	return err == nil && !slices.ContainsFunc(r.keywords, func(w string) bool {
		return !start.MatchString(w) || strings.Trim(w, "abcdefghijklmnopqrstuvwxyz0123456789_.-") != ""
	})
}

// window is where a rule looks: from start to end, for the keyword at word.
type window struct {
	start, end int
	core       int // where the stretch of the keyword starts
	word       int
}

// find adds what r finds in a window and does not end before its core.
func (r *rule) find(sc *scan, w window) {
	if r.regexp == nil {
		return
	}
	if r.starts {
		if !assigns(sc.v[w.word:w.end]) {
			return
		}
		if m := r.regexp.FindSubmatchIndex(sc.v[w.word:w.end]); m != nil {
			r.add(sc, w, w.word, m)
		}
		return
	}
	for _, m := range r.regexp.FindAllSubmatchIndex(sc.v[w.start:w.end], -1) {
		r.add(sc, w, w.start, m)
	}
}

// add adds a match whose offsets count from base.
func (r *rule) add(sc *scan, w window, base int, m []int) {
	from, to := r.secret(m)
	from, to = base+from, base+to
	first, last := base+m[0], base+m[1]
	if r.starts {
		for n := 0; n < longPrefix && first > w.start && prefixByte(sc.v[first-1]); n++ {
			first--
		}
	}
	if to <= w.core || from < sc.from || r.allowed(sc.v[from:to], sc.v[first:last], sc.v[w.start:w.end], first-w.start) {
		return
	}
	sc.all = append(sc.all, found{start: from, end: to, from: min(w.core, from), kind: r.kind})
}

// assigns reports whether a sign of assignment follows a name, as anyAssign wants one.
func assigns(text []byte) bool {
	for _, c := range text[:min(len(text), farAssign)] {
		switch c {
		case '=', '>', ':', '|', '?', ',':
			return true
		case ' ', '\t', '\n', '\r', '\f', '\'', '"':
		default:
			if !prefixByte(c) {
				return false
			}
		}
	}
	return false
}

func prefixByte(c byte) bool { return alnum(c) || c == '_' || c == '.' || c == '-' }

// secret returns what of a match is the secret.
func (r *rule) secret(m []int) (from, to int) {
	if k := 2 * r.group; r.group > 0 && k+1 < len(m) && m[k] >= 0 {
		return m[k], m[k+1]
	}
	for k := 2; k+1 < len(m) && r.group == 0; k += 2 {
		if m[k] < m[k+1] {
			return m[k], m[k+1]
		}
	}
	return m[0], m[1]
}

// allowed reports whether a secret is too plain to be one, or is on a list. The match starts at at in text.
func (r *rule) allowed(secret, match, text []byte, at int) bool {
	if len(secret) == 0 || r.entropy > 0 && entropy(secret) <= r.entropy {
		return true
	}
	for _, a := range r.targets {
		on := secret
		switch a.target {
		case "match":
			on = match
		case "line":
			on = text[bytes.LastIndexByte(text[:at], '\n')+1:]
			if k := bytes.IndexByte(on, '\n'); k >= 0 {
				on = on[:k]
			}
		}
		for _, re := range a.regexes {
			if re.Match(on) {
				return true
			}
		}
		if a.stopwords != nil && a.stopwords.contains(secret) {
			return true
		}
	}
	return false
}

// contains reports whether one of the words is in text.
func (a *automaton) contains(text []byte) bool {
	state := uint32(0)
	for _, c := range text {
		next := a.next[state+uint32(a.class[c])]
		if next&final != 0 {
			return true
		}
		state = next
	}
	return false
}

// entropy is Shannon's, in bits a byte.
func entropy(text []byte) float64 {
	var count [256]int
	for _, c := range text {
		count[c]++
	}
	sum, n := 0.0, float64(len(text))
	for _, c := range count {
		if c > 0 {
			p := float64(c) / n
			sum -= p * math.Log2(p)
		}
	}
	return sum
}

// cloudRules are the keys of cloud providers that can be told by their form, or by the name before them.
func cloudRules() []*rule {
	const assigned = `["']?[ \t]*(?:=|:|=>|:=)[ \t]*["']?`
	const end = `(?:[^A-Za-z0-9/+=_-]|$)`
	list := []struct {
		keywords, text string
		entropy        float64
	}{
		{"akia asia abia acca a3t", `\b((?:A3T[A-Z0-9]|AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16})\b`, 0},
		{"secret_access_key secretaccesskey secret_key secretkey", `(?i)secret_?(?:access_?)?key` + assigned + `([a-z0-9/+]{40})` + end, 3},
		{"session_token sessiontoken", `(?i)session_?token` + assigned + `([a-z0-9/+=]{100,})` + end, 3},
		{"absk", `\b(ABSK[A-Za-z0-9+/]{109,269}={0,2})` + end, 3},
		{"aiza", `\b(AIza[\w-]{35})` + end, 3},
		{"ya29.", `\b(ya29\.[\w-]{20,512})` + end, 3},
		{"gocspx-", `\b(GOCSPX-[\w-]{28})` + end, 3},
		{"private_key_id", `"private_key_id"[ \t]*:[ \t]*"([0-9a-f]{40})"`, 0},
		{"accountkey sharedaccesskey", `(?i)(?:accountkey|sharedaccesskey)=([a-z0-9/+]{42,86}={0,2})`, 3},
		{"sig=", `(?i)[?&;]sig=((?:[a-z0-9/+]|%2b|%2f|%3d|=){43,128})`, 3},
		{"q~", `(?:^|[^\w~.-])([\w~.]{3}\dQ~[\w~.-]{31,34})(?:$|[^\w~.-])`, 3},
		{"dop_v1_ doo_v1_ dor_v1_", `\b(do[opr]_v1_[a-f0-9]{64})\b`, 0},
		{"ltai", `\b(LTAI[A-Za-z0-9]{12,20})\b`, 3},
		{"akid", `\b(AKID[A-Za-z0-9]{32})\b`, 3},
		{"hvs. hvb.", `\b(hv[sb]\.[\w-]{24,300})` + end, 3},
		{"ibm_api_key ibmcloud_api_key", `(?i)ibm(?:cloud)?_api_key` + assigned + `([\w-]{44})` + end, 3},
		{"sk-ant- sk-proj- sk-svcacct-", `\b(sk-(?:ant|proj|svcacct)-[\w-]{20,200})` + end, 3},
		{"flyv1 fm2_", `\b(fm2_[A-Za-z0-9+/]{100,}={0,3})` + end, 3},
	}
	var rules []*rule
	for _, r := range list {
		rules = append(rules, &rule{kind: kindCloudKey, keywords: strings.Fields(r.keywords), text: r.text, entropy: r.entropy})
	}
	return rules
}
