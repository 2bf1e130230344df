// Package resources is what an operator declares: targets, roles, policies and masks, as YAML
// documents that are decoded strictly.
//
//	apiVersion: sallyport/v1
//	kind: Target | Role | Policy | Mask
//	metadata: {name: …, labels: {…}}
//	spec: …
//
// The Go types are the one definition: [Load] decodes against them and [Schema] writes their JSON
// Schema (2020-12), both from the tags json (the field's name), schema (required, enum=a|b,
// min=1) and doc (its description).
//
// An unknown field, a wrong type, a missing or duplicate name and a value outside its enumeration
// are refused with file, line, column and the lines around ([Error]). Anchors and aliases are
// understood within a document; merge keys (<<) are refused.
//
// Whether the `when` of a policy compiles is the enforcer's to say: it needs what a policy sees.
//
// Specifications: YAML 1.2.2, JSON Schema 2020-12.
package resources
