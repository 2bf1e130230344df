package credential

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"sallyport/schemas"
	"sallyport/schemas/resources"
)

const marker = "[secret]"

// MaxFile is how much of a secret's file is read; a larger one is refused.
const MaxFile = 64 << 10

// Secret is a credential of a target. Only Reveal shows it.
type Secret struct{ value string }

// NewSecret wraps value.
func NewSecret(value string) Secret { return Secret{value: value} }

// Reveal returns the secret itself, for the target's authentication and nothing else.
func (s Secret) Reveal() string { return s.value }

// Empty reports whether there is no secret.
func (s Secret) Empty() bool { return s.value == "" }

// String returns a marker.
func (s Secret) String() string { return marker }

// GoString returns a marker.
func (s Secret) GoString() string { return marker }

// LogValue returns a marker.
func (s Secret) LogValue() slog.Value { return slog.StringValue(marker) }

// MarshalText returns a marker.
func (s Secret) MarshalText() ([]byte, error) { return []byte(marker), nil }

// Config is what New needs. The zero value resolves env and file.
type Config struct {
	Sealer    *Sealer                           // nil: sealed secrets are refused
	LookupEnv func(name string) (string, bool)  // os.LookupEnv by default
	ReadFile  func(name string) ([]byte, error) // bounded read of the file system by default
}

// Resolver resolves references. It is safe for concurrent use.
type Resolver struct{ c Config }

// New returns a Resolver.
func New(c Config) *Resolver {
	if c.LookupEnv == nil {
		c.LookupEnv = os.LookupEnv
	}
	if c.ReadFile == nil {
		c.ReadFile = readFile
	}
	return &Resolver{c: c}
}

// Resolve returns the secret that ref points to; a nil ref is an empty secret. Its errors name
// the reference, never the secret.
func (r *Resolver) Resolve(_ context.Context, ref *resources.SecretRef) (Secret, error) {
	switch {
	case ref == nil:
		return Secret{}, nil
	case count(ref) != 1:
		return Secret{}, unavailable("a secret reference needs exactly one of env, file and sealed", nil)
	case ref.Env != "":
		return r.env(ref.Env)
	case ref.File != "":
		return r.file(ref.File)
	default:
		return r.sealed(ref.Sealed)
	}
}

func count(ref *resources.SecretRef) int {
	n := 0
	for _, s := range []string{ref.Env, ref.File, ref.Sealed} {
		if s != "" {
			n++
		}
	}
	return n
}

func (r *Resolver) env(name string) (Secret, error) {
	v, ok := r.c.LookupEnv(name)
	if !ok || v == "" {
		return Secret{}, unavailable("the credential of the target is not available", fmt.Errorf("environment variable %s is not set", name))
	}
	return Secret{value: v}, nil
}

func (r *Resolver) file(name string) (Secret, error) {
	data, err := r.c.ReadFile(name)
	if err != nil {
		return Secret{}, unavailable("the credential of the target is not available", fmt.Errorf("read secret file: %w", err))
	}
	v := strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r")
	if v == "" {
		return Secret{}, unavailable("the credential of the target is not available", fmt.Errorf("secret file %s is empty", name))
	}
	return Secret{value: v}, nil
}

func (r *Resolver) sealed(text string) (Secret, error) {
	if r.c.Sealer == nil {
		return Secret{}, unavailable("the credential of the target is not available", fmt.Errorf("a sealed secret, but no key to open it"))
	}
	v, err := r.c.Sealer.Open(text)
	if err != nil {
		return Secret{}, unavailable("the credential of the target is not available", fmt.Errorf("open sealed secret: %w", err))
	}
	return v, nil
}

func unavailable(message string, err error) error {
	return &schemas.Error{Code: schemas.CodeUnavailable, Message: message, Err: err,
		Hint: "the operator of the gateway finds the reason in its log"}
}

func readFile(name string) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", name)
	}
	if info.Size() > MaxFile {
		return nil, fmt.Errorf("%s is larger than %d bytes", name, MaxFile)
	}
	return os.ReadFile(name)
}
