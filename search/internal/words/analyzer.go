package words

import "github.com/blevesearch/bleve/v2/analysis"

// Analyzer gives Bleve the tokens of [Split].
type Analyzer struct{}

// Analyze implements analysis.Analyzer.
func (Analyzer) Analyze(text []byte) analysis.TokenStream {
	tokens := Split(string(text))
	held := make([]analysis.Token, len(tokens))
	out := make(analysis.TokenStream, len(tokens))
	for i, t := range tokens {
		held[i] = analysis.Token{Term: []byte(t.Term), Start: t.Start, End: t.End, Position: t.Position}
		out[i] = &held[i]
	}
	return out
}
