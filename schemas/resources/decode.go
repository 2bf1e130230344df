package resources

import (
	"encoding"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// maxDepth bounds how deep a document is followed; the types are far shallower.
const maxDepth = 32

// decoder turns the nodes of one document into the types of this package. It reports what is wrong
// to its file and goes on, so that one run tells everything.
type decoder struct {
	file    *file
	at      map[string]Position // where each value is
	anchors map[string]ast.Node
	depth   int
}

// resolve looks through anchors, aliases and tags; nil when it cannot, and has said so.
func (d *decoder) resolve(n ast.Node, path string) ast.Node {
	for range maxDepth {
		switch v := n.(type) {
		case *ast.AnchorNode:
			n = v.Value
		case *ast.AliasNode:
			name := v.Value.GetToken().Value
			target, ok := d.anchors[name]
			if !ok {
				d.fail(v, path, fmt.Sprintf("no anchor is named %q", name))
				return nil
			}
			n = target
		case *ast.TagNode:
			d.fail(v, path, "tags are not understood")
			return nil
		default:
			return n
		}
	}
	d.fail(n, path, "aliases go round in circles")
	return nil
}

func (d *decoder) fail(n ast.Node, path, message string) {
	d.file.fail(d.file.place(n), path, message)
}

// mapping returns the values of a mapping by key; keys outside known are refused.
func (d *decoder) mapping(n ast.Node, path string, known []string) (map[string]ast.Node, bool) {
	n = d.resolve(n, path)
	if n == nil {
		return nil, false
	}
	var pairs []*ast.MappingValueNode
	switch v := n.(type) {
	case *ast.MappingNode:
		pairs = v.Values
	case *ast.MappingValueNode:
		pairs = []*ast.MappingValueNode{v}
	default:
		d.fail(n, path, "must be a mapping, not "+describe(n))
		return nil, false
	}
	fields := map[string]ast.Node{}
	ok := true
	for _, p := range pairs {
		key, good := d.key(p.Key, path, known)
		if _, twice := fields[key]; good && twice {
			d.fail(p.Key, join(path, key), "is there twice")
			good = false
		}
		ok = ok && good
		if good {
			fields[key] = p.Value
			d.at[join(path, key)] = d.file.place(p.Value)
		}
	}
	return fields, ok
}

func (d *decoder) key(n ast.MapKeyNode, path string, known []string) (string, bool) {
	s, ok := n.(*ast.StringNode)
	if !ok {
		d.fail(n, path, "a key must be a string, not "+describe(n))
		return "", false
	}
	if known == nil {
		return s.Value, true
	}
	for _, k := range known {
		if k == s.Value {
			return k, true
		}
	}
	d.fail(n, join(path, s.Value), "unknown field; "+suggest(s.Value, known))
	return "", false
}

// required decodes n into the pointer into; without n it says what is missing from parent.
func (d *decoder) required(n ast.Node, path string, parent ast.Node, into any) {
	if n == nil {
		d.fail(parent, path, "is missing")
		return
	}
	d.decode(n, path, reflect.ValueOf(into).Elem(), "")
}

func (d *decoder) enum(n ast.Node, path string, parent ast.Node, values []string) string {
	if n == nil {
		d.fail(parent, path, "is missing")
		return ""
	}
	var s string
	d.decode(n, path, reflect.ValueOf(&s).Elem(), "enum="+strings.Join(values, "|"))
	return s
}

// decode stores n in v under the rules of its schema tag.
func (d *decoder) decode(n ast.Node, path string, v reflect.Value, tag string) {
	if n = d.resolve(n, path); n == nil {
		return
	}
	if d.depth++; d.depth > maxDepth {
		d.fail(n, path, "is nested too deeply")
		return
	}
	defer func() { d.depth-- }()
	if _, null := n.(*ast.NullNode); null {
		d.fail(n, path, "has no value")
		return
	}
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	if t, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		if s, ok := d.text(n, path); ok {
			if err := t.UnmarshalText([]byte(s)); err != nil {
				d.fail(n, path, err.Error())
			}
		}
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		d.structure(n, path, v)
	case reflect.Slice:
		d.list(n, path, v, tag)
	case reflect.Map:
		d.labels(n, path, v)
	default:
		d.scalar(n, path, v, tag)
	}
}

func (d *decoder) structure(n ast.Node, path string, v reflect.Value) {
	fs := fieldsOf(v.Type())
	names := make([]string, len(fs))
	for i, f := range fs {
		names[i] = f.name
	}
	values, ok := d.mapping(n, path, names)
	if values == nil {
		return
	}
	for i, f := range fs {
		switch value, set := values[f.name]; {
		case set:
			d.decode(value, join(path, f.name), v.Field(i), f.tag)
		case f.required && ok:
			d.fail(n, join(path, f.name), "is missing")
		}
	}
}

func (d *decoder) list(n ast.Node, path string, v reflect.Value, tag string) {
	seq, ok := n.(*ast.SequenceNode)
	if !ok {
		d.fail(n, path, "must be a list, not "+describe(n))
		return
	}
	if len(seq.Values) < rule(tag).min {
		d.fail(n, path, "must not be empty")
	}
	for i, item := range seq.Values {
		at := path + "[" + strconv.Itoa(i) + "]"
		d.at[at] = d.file.place(item)
		e := reflect.New(v.Type().Elem()).Elem()
		d.decode(item, at, e, itemTag(tag))
		v.Set(reflect.Append(v, e))
	}
}

func (d *decoder) labels(n ast.Node, path string, v reflect.Value) {
	values, _ := d.mapping(n, path, nil)
	if values == nil {
		return
	}
	v.Set(reflect.MakeMap(v.Type()))
	for key, value := range values {
		if value = d.resolve(value, join(path, key)); value == nil {
			continue
		}
		if s, ok := d.text(value, join(path, key)); ok {
			v.SetMapIndex(reflect.ValueOf(key), reflect.ValueOf(s))
		}
	}
}

func (d *decoder) scalar(n ast.Node, path string, v reflect.Value, tag string) {
	r := rule(tag)
	switch v.Kind() {
	case reflect.String:
		s, ok := d.text(n, path)
		if !ok {
			return
		}
		if len(r.enum) > 0 && !contains(r.enum, s) {
			d.fail(n, path, fmt.Sprintf("%q is not one of %s", s, strings.Join(r.enum, ", ")))
		} else if r.required && s == "" {
			d.fail(n, path, "must not be empty")
		}
		v.SetString(s)
	case reflect.Bool:
		b, ok := n.(*ast.BoolNode)
		if !ok {
			d.fail(n, path, "must be true or false, not "+describe(n))
			return
		}
		v.SetBool(b.Value)
	case reflect.Int:
		_, ok := n.(*ast.IntegerNode)
		number, err := strconv.ParseInt(n.GetToken().Value, 10, 32)
		if !ok || err != nil {
			d.fail(n, path, "must be a whole number, not "+describe(n))
			return
		}
		if int(number) < r.min {
			d.fail(n, path, fmt.Sprintf("must be at least %d", r.min))
		}
		v.SetInt(number)
	}
}

// text returns the value of a string node.
func (d *decoder) text(n ast.Node, path string) (string, bool) {
	switch s := n.(type) {
	case *ast.StringNode:
		return s.Value, true
	case *ast.LiteralNode:
		return s.Value.Value, true
	}
	hint := ""
	if _, ok := n.(ast.ScalarNode); ok {
		hint = " (quote it)"
	}
	d.fail(n, path, "must be a string, not "+describe(n)+hint)
	return "", false
}

// nearest is the place of path, or of what it is in.
func (d *decoder) nearest(path string, otherwise Position) Position {
	for path != "" {
		if p, ok := d.at[path]; ok {
			return p
		}
		path = path[:max(strings.LastIndexAny(path, ".["), 0)]
	}
	return otherwise
}
