package resources

import (
	"fmt"

	"github.com/goccy/go-yaml"
)

// MarshalYAML returns r as a document of the form that Load takes, for people to read and change.
func MarshalYAML(r *Resource) ([]byte, error) {
	canonical, err := MarshalCanonical(r)
	if err != nil {
		return nil, err
	}
	out, err := yaml.JSONToYAML(canonical)
	if err != nil {
		return nil, fmt.Errorf("write %s as YAML: %w", r.ID(), err)
	}
	return out, nil
}
