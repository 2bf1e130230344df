package resources_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"sallyport/schemas/resources"
)

func compile(t *testing.T, k resources.Kind) (*jsonschema.Schema, map[string]any) {
	t.Helper()
	data, err := resources.Schema(k)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	if err := c.AddResource("s.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("s.json")
	if err != nil {
		t.Fatal(err)
	}
	return s, doc.(map[string]any)
}

func instance(t *testing.T, text string) any {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestSchemasAcceptTheDesign(t *testing.T) {
	for _, r := range design(t) {
		s, _ := compile(t, r.Kind)
		data, err := resources.MarshalCanonical(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Validate(instance(t, string(data))); err != nil {
			t.Errorf("%s: %v", r.ID(), err)
		}
	}
}

// What the schema refuses, Load refuses too.
func TestSchemasRefuseWhatLoadRefuses(t *testing.T) {
	for _, r := range design(t) {
		s, _ := compile(t, r.Kind)
		data, _ := resources.MarshalCanonical(r)
		for _, change := range [][2]string{
			{`"spec":{`, `"spec":{"extra":1,`},
			{`"metadata":{`, `"metadata":{"extra":1,`},
			{`"apiVersion":"sallyport/v1",`, ``},
			{`"name":"`, `"name":"A `},
			{`"env":"prod"`, `"env":1`},
			{`"redact"`, `"erase"`},
			{`"connect"`, `"fly"`},
			{`"hold"`, `"wait"`},
			{`"count":1`, `"count":0`},
			{`"protocol":"postgres"`, `"protocol":"gopher"`},
			{`"env":"ORDERS_PASSWORD"`, `"env":"A","file":"b"`},
			{`"15m0s"`, `"soon"`},
		} {
			bad := strings.Replace(string(data), change[0], change[1], 1)
			if bad == string(data) {
				continue
			}
			if s.Validate(instance(t, bad)) == nil {
				t.Errorf("the schema accepts %s", bad)
			}
			if _, err := resources.Load("f", []byte(bad)); err == nil {
				t.Errorf("Load accepts %s", bad)
			}
		}
	}
}

// Every field of the Go types is in the schema, and the other way round.
func TestSchemasHoldTheGoTypes(t *testing.T) {
	for k, v := range map[resources.Kind]any{
		resources.KindTarget: resources.Target{}, resources.KindRole: resources.Role{},
		resources.KindPolicy: resources.Policy{}, resources.KindMask: resources.Mask{},
	} {
		_, doc := compile(t, k)
		compare(t, string(k), reflect.TypeOf(v), doc["properties"].(map[string]any)["spec"].(map[string]any))
	}
	if _, err := resources.Schema("Other"); err == nil {
		t.Error("there is a schema of Other")
	}
}

func compare(t *testing.T, path string, typ reflect.Type, doc map[string]any) {
	t.Helper()
	for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice {
		if items, ok := doc["items"]; ok {
			doc = items.(map[string]any)
		}
		typ = typ.Elem()
	}
	if typ.Kind() != reflect.Struct {
		return
	}
	properties := doc["properties"].(map[string]any)
	if len(properties) != typ.NumField() {
		t.Errorf("%s: %d properties for %d fields", path, len(properties), typ.NumField())
	}
	for i := range typ.NumField() {
		f := typ.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		p, ok := properties[name].(map[string]any)
		if !ok {
			t.Errorf("%s.%s is not in the schema", path, name)
			continue
		}
		if p["description"] == nil || p["description"] == "" {
			t.Errorf("%s.%s is not described", path, name)
		}
		compare(t, path+"."+name, f.Type, p)
	}
	if doc["additionalProperties"] != false {
		t.Errorf("%s takes unknown fields", path)
	}
}

func TestSchemaIsJSON(t *testing.T) {
	for _, k := range resources.Kinds() {
		data, err := resources.Schema(k)
		if err != nil || !json.Valid(data) {
			t.Errorf("%s: %v", k, err)
		}
	}
}
