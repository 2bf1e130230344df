package resources

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"sallyport/schemas"
)

// document is a resource as it is written.
type document struct {
	APIVersion string   `json:"apiVersion"`
	Kind       Kind     `json:"kind"`
	Metadata   Metadata `json:"metadata"`
	Spec       any      `json:"spec"`
}

// MarshalCanonical returns r as canonical JSON: what is stored on the log. Keys are sorted, there
// is no white space, and fields without a value are absent.
func MarshalCanonical(r *Resource) ([]byte, error) {
	spec, err := r.spec()
	if err != nil {
		return nil, err
	}
	data, err := encode(document{APIVersion, r.Kind, r.Metadata, spec})
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", r.ID(), err)
	}
	var sorted any
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if err := d.Decode(&sorted); err != nil {
		return nil, fmt.Errorf("encode %s: %w", r.ID(), err)
	}
	return encode(sorted)
}

func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// UnmarshalCanonical is the inverse of MarshalCanonical. It is as strict as Load.
func UnmarshalCanonical(data []byte) (*Resource, error) {
	var spec json.RawMessage
	doc := document{Spec: &spec}
	if err := strict(data, &doc); err != nil {
		return nil, fmt.Errorf("decode resource: %w", err)
	}
	if doc.APIVersion != APIVersion {
		return nil, fmt.Errorf("decode resource: apiVersion is %q, not %q", doc.APIVersion, APIVersion)
	}
	r := &Resource{Kind: doc.Kind, Metadata: doc.Metadata}
	into := r.newSpec()
	if into == nil {
		return nil, fmt.Errorf("decode resource: unknown kind %q", doc.Kind)
	}
	if err := strict(spec, into); err != nil {
		return nil, fmt.Errorf("decode %s: %w", r.ID(), err)
	}
	if err := Validate(r); err != nil {
		return nil, fmt.Errorf("decode %s: %w", r.ID(), err)
	}
	return r, nil
}

func strict(data []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return fmt.Errorf("something follows the document")
	}
	return nil
}

// newSpec sets the spec of r's kind to a new one and returns it, nil when there is no such kind.
func (r *Resource) newSpec() any {
	switch r.Kind {
	case KindTarget:
		r.Target = new(Target)
		return r.Target
	case KindRole:
		r.Role = new(Role)
		return r.Role
	case KindPolicy:
		r.Policy = new(Policy)
		return r.Policy
	case KindMask:
		r.Mask = new(Mask)
		return r.Mask
	}
	return nil
}

// spec returns the spec of r's kind.
func (r *Resource) spec() (any, error) {
	specs := map[Kind]any{}
	if r.Target != nil {
		specs[KindTarget] = r.Target
	}
	if r.Role != nil {
		specs[KindRole] = r.Role
	}
	if r.Policy != nil {
		specs[KindPolicy] = r.Policy
	}
	if r.Mask != nil {
		specs[KindMask] = r.Mask
	}
	spec, ok := specs[r.Kind]
	if !ok || len(specs) != 1 {
		return nil, fmt.Errorf("%s: exactly the spec of its kind must be set", r.ID())
	}
	return spec, nil
}

// Revision returns a digest over rs, whatever their order. Resources that cannot be encoded count
// by their name alone.
func Revision(rs []*Resource) schemas.Revision {
	sums := make([][]byte, 0, len(rs))
	for _, r := range rs {
		data, err := MarshalCanonical(r)
		if err != nil {
			data = []byte(r.ID())
		}
		sum := sha256.Sum256(data)
		sums = append(sums, sum[:])
	}
	slices.SortFunc(sums, bytes.Compare)
	h := sha256.New()
	_ = binary.Write(h, binary.BigEndian, uint64(len(sums)))
	for _, s := range sums {
		h.Write(s)
	}
	return schemas.Revision(hex.EncodeToString(h.Sum(nil)[:16]))
}
