package mask

import "fmt"

// Method is how a value is masked. The zero value shows the least that still is a value.
type Method uint8

const (
	Redact  Method = iota // a fixed marker, the same for every value
	Partial               // the last characters stay
	Hash                  // a keyed hash: equal values stay equal
	Null                  // no value at all
)

// ParseMethod reads the name of a method as resources write it: redact, partial, hash or null.
func ParseMethod(name string) (Method, error) {
	for _, m := range []Method{Redact, Partial, Hash, Null} {
		if m.String() == name {
			return m, nil
		}
	}
	return 0, fmt.Errorf("%q is no way to mask: redact, partial, hash or null", name)
}

func (m Method) String() string {
	switch m {
	case Redact:
		return "redact"
	case Partial:
		return "partial"
	case Hash:
		return "hash"
	case Null:
		return "null"
	}
	return fmt.Sprintf("Method(%d)", uint8(m))
}
