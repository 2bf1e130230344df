package api

import (
	"fmt"
	"strings"
)

// metaPrefix begins the keys of an MCP request's _meta that say what a run is: prompt, model, parent,
// and attribute.NAME. Keys without a prefix are MCP's own; traceparent is W3C Trace Context's.
// Source: Model Context Protocol 2025-11-25, "General fields", _meta.
const metaPrefix = "sallyport/"

// runMeta takes what _meta says of the run. What the request says beside it stands; other keys are
// somebody else's, and are passed over.
func (in *NewRun) runMeta() error {
	for key, value := range in.Meta {
		name, ours := strings.CutPrefix(key, metaPrefix)
		if !ours && key != "traceparent" {
			continue
		}
		text, ok := value.(string)
		if !ok {
			return invalid(fmt.Sprintf("_meta: %q is not a text", key))
		}
		attribute, isAttribute := strings.CutPrefix(name, "attribute.")
		var into *string
		switch {
		case !ours:
			into = &in.Traceparent
		case isAttribute:
			if in.Attributes == nil {
				in.Attributes = map[string]string{}
			}
			if _, said := in.Attributes[attribute]; !said {
				in.Attributes[attribute] = text
			}
			continue
		case name == "prompt":
			into = &in.Prompt
		case name == "model":
			into = &in.Model
		case name == "parent":
			into = &in.Parent
		default:
			return invalid(fmt.Sprintf("_meta: there is no %q: it is prompt, model, parent or attribute.NAME", key))
		}
		if *into == "" {
			*into = text
		}
	}
	return nil
}
