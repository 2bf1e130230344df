package search

import "sallyport/search/internal/words"

// nearField is the index's field for which common words of a part stand next to each other.
func nearField(part string) string { return "near." + part }

// chain is what the pairs of a phrase's words tell of the documents all, which have all of its words: found have the
// phrase, unsure have to be looked into, and the others have it not.
func (v *view) chain(part string, terms []string, all set) (found, unsure set, err error) {
	near := nearField(part)
	unlisted, err := v.postings(near, words.Unlisted)
	if err != nil {
		return nil, nil, err
	}
	unsure = and(all, unlisted)
	found = except(all, unlisted)
	whole := true // each word follows the one before it
	for i := 0; i < len(terms); {
		parts := words.Common(terms[i])
		next := i + max(parts, 1)
		if next >= len(terms) {
			break
		}
		if parts == 0 || words.Common(terms[next]) == 0 {
			whole = false
			i++
			continue
		}
		paired, err := v.postings(near, words.Pair(terms[i], terms[next]))
		if err != nil {
			return nil, nil, err
		}
		found = and(found, paired)
		doubts := []string{words.Unclear(terms[i], terms[next])}
		if i > 0 {
			doubts = append(doubts, words.Again(terms[i]))
		}
		for _, doubt := range doubts {
			has, err := v.postings(near, doubt)
			if err != nil {
				return nil, nil, err
			}
			unsure = or(unsure, and(found, has))
		}
		i = next
	}
	if !whole {
		return make(set, len(all)), or(found, and(all, unlisted)), nil
	}
	unsure = and(unsure, or(found, unlisted)) // those in doubt because of one pair may not have another
	return except(found, unsure), unsure, nil
}
