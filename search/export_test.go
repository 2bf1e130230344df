package search

import "sallyport/search/internal/words"

// SnippetOf is the snippet of text for one word or phrase.
func SnippetOf(body, phrase string) string {
	w := wanted{parts: []string{"rows"}, phrase: words.Phrase(phrase)}
	if len(w.phrase) == 0 {
		return snippet(body, nil)
	}
	spans, _ := find(text{"rows", body}, []wanted{w})
	return snippet(body, spans)
}

// Split is split.
func Split(text string) []string { return split(text) }

// Unkept is how many bytes of messages up to the position of s would be read again after a crash.
func Unkept(s *Service) int {
	s.writing.Lock()
	defer s.writing.Unlock()
	return s.store.unkept
}

// MadeBy makes the index of s one of another format.
func MadeBy(s *Service, format string) error {
	return s.store.bleve.SetInternal(keyFormat, []byte(format))
}
