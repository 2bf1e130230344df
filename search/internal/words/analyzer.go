package words

import "github.com/blevesearch/bleve/v2/analysis"

// Text gives Bleve the tokens of a text: it analyses this, whatever it is asked to. They are kept for [Pairs], so that
// it is split once. One goroutine uses it.
type Text struct {
	text   string
	tokens []Token
}

// NewText makes a text to be analysed.
func NewText(text string) *Text { return &Text{text: text} }

// Analyze implements analysis.Analyzer.
func (t *Text) Analyze([]byte) analysis.TokenStream {
	t.tokens = Split(t.text)
	held := make([]analysis.Token, len(t.tokens))
	out := make(analysis.TokenStream, len(t.tokens))
	for i, token := range t.tokens {
		held[i] = analysis.Token{Term: []byte(token.Term), Start: token.Start, End: token.End, Position: token.Position}
		out[i] = &held[i]
	}
	return out
}

// take returns the tokens, and keeps them no longer.
func (t *Text) take() []Token {
	tokens := t.tokens
	if t.tokens = nil; tokens == nil {
		tokens = Split(t.text)
	}
	return tokens
}
