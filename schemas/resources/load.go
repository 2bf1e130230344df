package resources

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// Bounds of what is decoded. The YAML library takes quadratic time on deep nesting, so one document
// must be small.
const (
	MaxFile     = 4 << 20
	MaxDocument = 64 << 10
)

// Load decodes every YAML document in data, strictly; a name is taken once per kind. The error is
// of type Errors: everything that is wrong, each with file, line and column.
func Load(name string, data []byte) ([]*Resource, error) {
	f := &file{name: name, data: data}
	if len(data) > MaxFile {
		f.fail(Position{}, "", fmt.Sprintf("larger than %d bytes", MaxFile))
		return nil, f.errs
	}
	if !utf8.Valid(data) {
		f.fail(Position{}, "", "not UTF-8")
		return nil, f.errs
	}
	var rs []*Resource
	for _, text := range split(string(data)) {
		rs = append(rs, f.document(text)...)
		f.above += strings.Count(text, "\n")
	}
	f.duplicates(rs)
	if len(f.errs) > 0 {
		return nil, f.errs
	}
	return rs, nil
}

// split cuts a file before each document marker, which YAML knows by its column alone. (The YAML
// library would lose what follows an empty document.)
func split(data string) []string {
	var documents []string
	start := 0
	for i := 0; i < len(data); i++ {
		if i > start && data[i-1] == '\n' && marker(data[i:]) {
			documents = append(documents, data[start:i])
			start = i
		}
	}
	return append(documents, data[start:])
}

func marker(s string) bool {
	return (strings.HasPrefix(s, "---") || strings.HasPrefix(s, "...")) && (len(s) == 3 || strings.ContainsRune(" \t\r\n", rune(s[3])))
}

// document decodes what stands between two markers.
func (f *file) document(text string) []*Resource {
	if strings.HasPrefix(text, "...") {
		if text = text[3:]; bare(text) {
			return nil
		}
	}
	if len(text) > MaxDocument {
		f.fail(Position{f.above + 1, 1}, "", fmt.Sprintf("the document is larger than %d bytes", MaxDocument))
		return nil
	}
	tree, err := parse(text)
	if err != nil {
		f.syntax(err)
		return nil
	}
	var rs []*Resource
	seen := false
	for _, doc := range tree.Docs {
		if empty(doc.Body) {
			continue
		}
		seen = true
		if r := f.resource(doc.Body); r != nil {
			rs = append(rs, r)
		}
	}
	if !seen && !bare(text) {
		f.fail(Position{f.above + 1, 1}, "", "the YAML cannot be understood")
	}
	return rs
}

// bare reports whether there is nothing but markers, directives and comments.
func bare(text string) bool {
	for line := range strings.Lines(text) {
		line = strings.TrimPrefix(strings.TrimSpace(line), "---")
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' && line[0] != '%' {
			return false
		}
	}
	return true
}

// parse guards against a panic of the YAML library on hostile input.
func parse(text string) (tree *ast.File, err error) {
	defer func() {
		if p := recover(); p != nil {
			tree, err = nil, fmt.Errorf("the YAML cannot be understood")
		}
	}()
	return parser.ParseBytes([]byte(text), 0)
}

func empty(body ast.Node) bool {
	switch body.(type) {
	case nil, *ast.CommentGroupNode, *ast.CommentNode, *ast.DirectiveNode:
		return true
	case *ast.NullNode:
		return body.GetToken() == nil || body.GetToken().Value == ""
	}
	return false
}

// file is one file that is being loaded.
type file struct {
	name  string
	data  []byte
	errs  Errors
	above int // lines above the document that is being decoded
}

// place is where a node of the document is in the file.
func (f *file) place(n ast.Node) Position {
	p := place(n)
	if p.Line > 0 {
		p.Line += f.above
	}
	return p
}

func (f *file) fail(at Position, path, message string) {
	e := &Error{File: f.name, At: at, Path: path, Message: message}
	if !secretPath(path) {
		e.Snippet = snippet(f.data, at)
	}
	f.errs = append(f.errs, e)
}

func (f *file) syntax(err error) {
	var at Position
	message := err.Error()
	var ye yaml.Error
	if errors.As(err, &ye) {
		message = ye.GetMessage()
		if tk := ye.GetToken(); tk != nil && tk.Position != nil {
			at = Position{tk.Position.Line + f.above, tk.Position.Column}
		}
	}
	f.fail(at, "", message)
}

// resource decodes one document, nil when it cannot.
func (f *file) resource(body ast.Node) *Resource {
	before := len(f.errs)
	d := &decoder{file: f, at: map[string]Position{}, anchors: anchors(body)}
	fields, ok := d.mapping(body, "", []string{"apiVersion", "kind", "metadata", "spec"})
	if !ok {
		return nil
	}
	r := &Resource{Source: &Source{File: f.name, At: f.place(body), Fields: d.at}}
	d.enum(fields["apiVersion"], "apiVersion", body, []string{APIVersion})
	kinds := make([]string, 0, 4)
	for _, k := range Kinds() {
		kinds = append(kinds, string(k))
	}
	r.Kind = Kind(d.enum(fields["kind"], "kind", body, kinds))
	d.required(fields["metadata"], "metadata", body, &r.Metadata)
	if spec := r.newSpec(); spec != nil {
		d.required(fields["spec"], "spec", body, spec)
	}
	if len(f.errs) > before {
		return nil
	}
	for _, p := range problems(r) {
		f.fail(d.nearest(p.path, r.Source.At), p.path, p.message)
	}
	return r
}

func (f *file) duplicates(rs []*Resource) {
	first := map[string]*Resource{}
	for _, r := range rs {
		if other, ok := first[r.ID()]; ok {
			f.fail(r.Source.Fields["metadata.name"], "metadata.name",
				fmt.Sprintf("%s is there already, on line %d", r.ID(), other.Source.Fields["metadata.name"].Line))
			continue
		}
		first[r.ID()] = r
	}
}
