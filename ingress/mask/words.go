package mask

import "strings"

// action is what a word leads to.
type action struct {
	kind kind
	rule int // for kindCloudKey and kindSecret: the index in Scanner.rules
}

// addWords builds the automaton of the detectors that start from words.
func (s *Scanner) addWords() error {
	b := words{index: make(map[string]int)}
	if s.on[kindPrivateKey] {
		for _, w := range []string{pemBegin, sshBegin, puttyBegin} {
			b.add(strings.ToLower(w), action{kind: kindPrivateKey})
		}
	}
	if s.on[kindJWT] {
		b.add("eyj", action{kind: kindJWT})
	}
	var err error
	if s.on[kindCloudKey] {
		s.rules = append(s.rules, cloudRules()...)
	}
	if s.on[kindSecret] {
		s.rules, err = appendSecretRules(s.rules)
	}
	for i, r := range s.rules {
		for _, w := range r.keywords {
			b.add(w, action{kind: r.kind, rule: i})
		}
	}
	if len(b.list) > 0 {
		s.words, s.acts = newAutomaton(b.list), b.acts
	}
	return err
}

// words collects the words of all rules, each once.
type words struct {
	index map[string]int
	list  []string
	acts  [][]action
}

func (b *words) add(w string, a action) {
	i, ok := b.index[w]
	if !ok {
		i = len(b.list)
		b.index[w] = i
		b.list = append(b.list, w)
		b.acts = append(b.acts, nil)
	}
	b.acts[i] = append(b.acts[i], a)
}

// scanWords passes over the value once and follows what each word leads to.
func (s *Scanner) scanWords(sc *scan) {
	var l lines
	a, v := s.words, sc.v
	l.begin(sc)
	state, table, class := uint32(0), a.next, &a.class
	for i := sc.from; i < len(v); i++ {
		next := table[state+uint32(class[v[i]])]
		state = next &^ final
		if next&final == 0 {
			continue
		}
		for _, w := range a.lists[a.ends[state/uint32(a.columns)]] {
			start := i + 1 - a.sizes[w]
			for _, act := range s.acts[w] {
				switch act.kind {
				case kindPrivateKey:
					privateKey(sc, start)
				case kindJWT:
					jsonWebToken(sc, start)
				default:
					l.rule(s, sc, act, start)
				}
			}
		}
	}
	l.done(s)
	sc.begun = a.depth[state/uint32(a.columns)]
}
