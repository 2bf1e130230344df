package resources

import (
	"reflect"
	"strconv"
	"strings"
)

// field is one field of a spec, as its tags describe it.
type field struct {
	name     string
	tag      string // schema
	doc      string
	typ      reflect.Type
	required bool
}

// fieldsOf returns the fields of a struct in order; every field of the types has a json tag.
func fieldsOf(t reflect.Type) []field {
	fs := make([]field, t.NumField())
	for i := range fs {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		tag := f.Tag.Get("schema")
		fs[i] = field{name: name, tag: tag, doc: f.Tag.Get("doc"), typ: f.Type, required: rule(tag).required}
	}
	return fs
}

// rules are what a schema tag says.
type rules struct {
	required bool
	name     bool
	enum     []string
	min      int
}

func rule(tag string) rules {
	var r rules
	for _, part := range strings.Split(tag, ",") {
		key, value, _ := strings.Cut(part, "=")
		switch key {
		case "required":
			r.required = true
		case "name":
			r.name = true
		case "enum":
			r.enum = strings.Split(value, "|")
		case "min":
			r.min, _ = strconv.Atoi(value)
		}
	}
	return r
}

// itemTag is the part of a list's tag that holds for its items.
func itemTag(tag string) string {
	if enum := rule(tag).enum; len(enum) > 0 {
		return "required,enum=" + strings.Join(enum, "|")
	}
	return "required"
}
