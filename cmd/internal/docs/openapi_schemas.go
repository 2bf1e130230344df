package main

import (
	"encoding/json"
	"maps"
	"reflect"
	"strings"
	"time"
)

// schemer makes JSON Schemas of Go types, as encoding/json sends them.
type schemer struct{ schemas object }

// problemDocument is what schemas/problem writes.
type problemDocument struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`
	Code   string `json:"code"`
	Hint   string `json:"hint,omitempty"`
}

func (s *schemer) of(v any) object { return s.schema(reflect.TypeOf(v)) }

var (
	timeType = reflect.TypeFor[time.Time]()
	rawType  = reflect.TypeFor[json.RawMessage]()
)

func (s *schemer) schema(t reflect.Type) object {
	switch t {
	case timeType:
		return object{"type": "string", "format": "date-time"}
	case rawType:
		return object{}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return object{"anyOf": []object{s.schema(t.Elem()), {"type": "null"}}}
	case reflect.Slice, reflect.Array:
		if t.Elem().Kind() == reflect.Uint8 {
			return object{"type": "string", "contentEncoding": "base64"}
		}
		return object{"type": "array", "items": s.schema(t.Elem())}
	case reflect.Map:
		return object{"type": "object", "additionalProperties": s.schema(t.Elem())}
	case reflect.Struct:
		return s.structure(t)
	case reflect.String:
		return object{"type": "string"}
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Float32, reflect.Float64:
		return object{"type": "number"}
	case reflect.Interface:
		return object{}
	}
	return object{"type": "integer"}
}

// structure is a reference to the schema of a named type, or the schema of one without a name.
func (s *schemer) structure(t reflect.Type) object {
	name := nameOf(t)
	if name == "" {
		return s.properties(t)
	}
	if _, ok := s.schemas[name]; !ok {
		s.schemas[name] = object{} // so that types that hold themselves end
		s.schemas[name] = s.properties(t)
	}
	return object{"$ref": "#/components/schemas/" + name}
}

func nameOf(t reflect.Type) string {
	if t == reflect.TypeFor[problemDocument]() {
		return "Problem"
	}
	if t.Name() == "" || t.PkgPath() == "main" || strings.HasSuffix(t.PkgPath(), "/docs") {
		return ""
	}
	path := strings.Split(t.PkgPath(), "/")
	if pkg := path[len(path)-1]; pkg != "api" && pkg != "server" {
		return strings.ToUpper(pkg[:1]) + pkg[1:] + t.Name()
	}
	return t.Name()
}

func (s *schemer) properties(t reflect.Type) object {
	properties := object{}
	required := []string{}
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous && name == "" && f.Type.Kind() == reflect.Struct { // its fields are its holder's, as encoding/json has it
			inner := s.properties(f.Type)
			maps.Copy(properties, inner["properties"].(object))
			if names, ok := inner["required"].([]string); ok {
				required = append(required, names...)
			}
			continue
		}
		if name == "" || name == "-" || !f.IsExported() {
			continue
		}
		properties[name] = s.schema(f.Type)
		if !strings.Contains(options, "omit") {
			required = append(required, name)
		}
	}
	out := object{"type": "object", "properties": properties}
	if len(required) > 0 {
		out["required"] = required
	}
	return out
}
