package resources

import (
	"encoding/json"
	"fmt"
	"reflect"
)

// schema is the part of JSON Schema 2020-12 that the types need.
type schema struct {
	Schema      string             `json:"$schema,omitempty"`
	ID          string             `json:"$id,omitempty"`
	Title       string             `json:"title,omitempty"`
	Description string             `json:"description,omitempty"`
	Type        string             `json:"type,omitempty"`
	Const       string             `json:"const,omitempty"`
	Enum        []string           `json:"enum,omitempty"`
	Pattern     string             `json:"pattern,omitempty"`
	MinLength   int                `json:"minLength,omitempty"`
	Minimum     int                `json:"minimum,omitempty"`
	MinItems    int                `json:"minItems,omitempty"`
	MinProps    int                `json:"minProperties,omitempty"`
	MaxProps    int                `json:"maxProperties,omitempty"`
	Items       *schema            `json:"items,omitempty"`
	Properties  map[string]*schema `json:"properties,omitempty"`
	Required    []string           `json:"required,omitempty"`
	Additional  *additional        `json:"additionalProperties,omitempty"`
}

// additional is false, or the schema of every other property.
type additional struct{ of *schema }

func (a additional) MarshalJSON() ([]byte, error) {
	if a.of == nil {
		return []byte("false"), nil
	}
	return json.Marshal(a.of)
}

var durationType = reflect.TypeFor[Duration]()

// Schema returns the JSON Schema (2020-12) of a kind, written from the Go types.
func Schema(k Kind) ([]byte, error) {
	spec := (&Resource{Kind: k}).newSpec()
	if spec == nil {
		return nil, fmt.Errorf("there is no kind %q", k)
	}
	s := &schema{
		Schema: "https://json-schema.org/draft/2020-12/schema",
		ID:     "urn:sallyport:resource:v1:" + string(k),
		Title:  string(k),
		Type:   "object",
		Properties: map[string]*schema{
			"apiVersion": {Const: APIVersion},
			"kind":       {Const: string(k)},
			"metadata":   describeType(reflect.TypeFor[Metadata](), ""),
			"spec":       describeType(reflect.TypeOf(spec).Elem(), ""),
		},
		Required:   []string{"apiVersion", "kind", "metadata", "spec"},
		Additional: &additional{},
	}
	return json.MarshalIndent(s, "", "  ")
}

// describeType is the schema of values of type t under a schema tag.
func describeType(t reflect.Type, tag string) *schema {
	r := rule(tag)
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == durationType {
		return &schema{Type: "string", Pattern: `^([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+$`}
	}
	switch t.Kind() {
	case reflect.Struct:
		return describeStruct(t)
	case reflect.Slice:
		return &schema{Type: "array", Items: describeType(t.Elem(), itemTag(tag)), MinItems: r.min}
	case reflect.Map:
		return &schema{Type: "object", Additional: &additional{of: &schema{Type: "string"}}}
	case reflect.Bool:
		return &schema{Type: "boolean"}
	case reflect.Int:
		return &schema{Type: "integer", Minimum: r.min}
	}
	s := &schema{Type: "string", Enum: r.enum}
	if r.name {
		s.Pattern = namePattern.String()
	} else if r.required && len(r.enum) == 0 {
		s.MinLength = 1
	}
	return s
}

func describeStruct(t reflect.Type) *schema {
	s := &schema{Type: "object", Properties: map[string]*schema{}, Additional: &additional{}}
	for _, f := range fieldsOf(t) {
		p := describeType(f.typ, f.tag)
		p.Description = f.doc
		s.Properties[f.name] = p
		if f.required {
			s.Required = append(s.Required, f.name)
		}
	}
	if t == reflect.TypeFor[SecretRef]() {
		s.MinProps, s.MaxProps = 1, 1
	}
	return s
}
