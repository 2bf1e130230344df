// Package resources is what an operator declares: targets, roles, policies and masks, as YAML
// documents that are decoded strictly (an unknown field is refused with line and column).
package resources
