package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"sallyport/schemas/resources"
)

const resourcesHead = `# Resources

<!-- Written by make docs from the JSON Schemas of the resources. Do not edit. -->

What is protected, who may reach it and what may run there is declared in YAML documents,
kept under version control and applied with ` + "`sallyport apply -f FILE`" + ` or at start (` + "`resources`" + ` in the
configuration). Every document has the same head:

` + "```yaml" + `
apiVersion: sallyport/v1
kind: Target            # or Role, Policy, Mask
metadata:
  name: orders          # unique within the kind
  labels: {env: prod}   # what roles, policies and masks select targets by
spec: {}                # see below
` + "```" + `

An unknown field, a wrong type or a missing name is refused with file, line and column. Each change
is a fact on the log before it takes effect. ` + "`sallyport get KIND [NAME]`" + ` prints what is declared,
` + "`sallyport delete KIND NAME`" + ` removes it.
`

// described is the part of JSON Schema that the page shows.
type described struct {
	Description string               `json:"description"`
	Type        string               `json:"type"`
	Enum        []string             `json:"enum"`
	Items       *described           `json:"items"`
	Properties  map[string]described `json:"properties"`
	Required    []string             `json:"required"`
}

// resourcesPage writes a table a kind.
func resourcesPage() (string, error) {
	var b strings.Builder
	b.WriteString(resourcesHead)
	for _, kind := range []resources.Kind{resources.KindTarget, resources.KindRole, resources.KindPolicy, resources.KindMask} {
		data, err := resources.Schema(kind)
		if err != nil {
			return "", err
		}
		var s described
		if err := json.Unmarshal(data, &s); err != nil {
			return "", fmt.Errorf("read the schema of %s: %w", kind, err)
		}
		fmt.Fprintf(&b, "\n## %s\n\n| field of spec | type | what it is |\n|---|---|---|\n", kind)
		describe(&b, "", s.Properties["spec"])
	}
	return b.String(), nil
}

func describe(b *strings.Builder, prefix string, s described) {
	names := make([]string, 0, len(s.Properties))
	for name := range s.Properties {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		p := s.Properties[name]
		text := p.Description
		if slices.Contains(s.Required, name) {
			text = strings.TrimSpace(text + " (required)")
		}
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", prefix+name, typeName(p), strings.ReplaceAll(text, "|", "\\|"))
		describe(b, prefix+name+".", p)
		if p.Items != nil {
			describe(b, prefix+name+"[].", *p.Items)
		}
	}
}

func typeName(p described) string {
	if len(p.Enum) > 0 {
		return "one of " + strings.Join(p.Enum, ", ")
	}
	if p.Type == "array" && p.Items != nil {
		return "list of " + typeName(*p.Items)
	}
	return p.Type
}
