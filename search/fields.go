package search

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/blevesearch/bleve/v2/document"
	index "github.com/blevesearch/bleve_index_api"

	"sallyport/schemas/trace"
	"sallyport/search/internal/query"
	"sallyport/search/internal/words"
)

// Fields of the index beside those of the query language.
const (
	fieldStored = "stored" // the record; not searchable
	fieldOrder  = "order"  // what hits are sorted by
	fieldTime   = "time"
	fieldReader = "reader" // exact target, for authorisation
	fieldAny    = "any"    // has the same term in every document that can be found
)

const anyTerm = "1"

// document is what the index is told of a record.
func (r *record) document() (*document.Document, error) {
	b, err := r.encode()
	if err != nil {
		return nil, fmt.Errorf("encode record: %w", err)
	}
	d := fields{document.NewDocument(r.id())}
	d.add(fieldStored, string(b), index.StoreField, 0)
	if r.Part == partSession {
		return d.doc, nil
	}
	d.add(fieldAny, anyTerm, keyword, 0)
	d.add(fieldReader, r.Session.Target, keyword, 0)
	d.add(fieldOrder, r.order(), keyword|index.DocValues, 0)
	d.time(r)
	d.session(&r.Session)
	d.about(&r.About)
	d.texts(r)
	return d.doc, nil
}

const keyword index.FieldIndexingOptions = index.IndexField | index.SkipFreqNorm

type fields struct{ doc *document.Document }

func (f fields) add(name, value string, o index.FieldIndexingOptions, at uint64) {
	if value != "" {
		f.doc.AddField(document.NewTextFieldWithIndexingOptions(name, []uint64{at}, []byte(value), o))
	}
}

// keywords adds values in lower case.
func (f fields) keywords(name query.Field, values ...string) {
	o := keyword
	if slices.Contains(facets, name) {
		o |= index.DocValues
	}
	for i, v := range values {
		f.add(string(name), strings.ToLower(v), o, uint64(i))
	}
}

func (f fields) time(r *record) {
	for i, u := range units {
		f.add(fieldTime, u.term(r.Time), keyword, uint64(i))
	}
}

func (f fields) session(s *session) {
	f.keywords(query.Session, string(s.ID))
	f.keywords(query.Who, s.Who)
	f.keywords(query.Group, s.Groups...)
	f.keywords(query.Run, s.Run)
	f.keywords(query.Agent, s.Agent)
	f.keywords(query.Target, s.Target)
	f.keywords(query.Protocol, s.Protocol)
	f.keywords(query.Database, s.Database)
	f.keywords(query.Client, s.Client)
	f.keywords(query.Label, pairs(s.Labels)...)
	f.keywords(query.Trace, s.Trace)
}

// pairs are the names of m, and each with its value.
func pairs(m map[string]string) []string {
	out := make([]string, 0, 2*len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, k, k+"="+m[k])
	}
	return out
}

func (f fields) about(a *about) {
	f.keywords(query.Attribute, pairs(a.Attributes)...)
	if p, err := trace.Parse(a.Attributes["traceparent"]); err == nil {
		f.keywords(query.Trace, p.TraceID())
	}
	f.keywords(query.Kind, a.Kinds...)
	f.keywords(query.Verdict, a.Verdicts...)
	f.keywords(query.Policy, a.Policies...)
	f.keywords(query.Table, withTails(a.Tables)...)
	f.keywords(query.Column, withTails(a.Columns)...)
	f.keywords(query.Program, a.Programs...)
	f.keywords(query.Path, pathTails(a.Paths)...)
}

// withTails adds to each qualified name its shorter forms: customers for public.customers.
func withTails(names []string) []string {
	out := make([]string, 0, 2*len(names))
	for _, n := range names {
		for more := true; more; _, n, more = strings.Cut(n, ".") {
			if n != "" {
				out = append(out, n)
			}
		}
	}
	return out
}

func (f fields) texts(r *record) {
	parts := map[string]words.Pairs{r.Part: nil}
	add := func(part, value string, at uint64) {
		if value != "" {
			parts[part] = append(parts[part], f.text(part, value, at))
		}
	}
	for i, t := range r.texts() {
		add(t.field, t.text, uint64(i))
	}
	add(r.Part, r.Tag, 1<<16)
	for p, texts := range parts {
		f.keywords(query.In, p)
		f.doc.AddField(document.NewTextFieldCustom(nearField(p), nil, nil, keyword, texts))
	}
	if r.Failure != nil {
		f.keywords(query.Error, r.Failure.Code)
	}
}

// textField is the index's field for the words of a part.
func textField(part string) string { return "text." + part }

func (f fields) text(part, value string, at uint64) *words.Text {
	t := words.NewText(value)
	f.doc.AddField(document.NewTextFieldCustom(textField(part), []uint64{at}, []byte(value), index.IndexField|index.IncludeTermVectors, t))
	return t
}
