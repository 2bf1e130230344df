package signin

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"sallyport/cmd/internal/api"
)

// Kept is what stays of a sign-in. The token itself is in a file of its own.
type Kept struct {
	URL     string    `json:"url"`
	Name    string    `json:"name"`
	Groups  []string  `json:"groups"`
	Expires time.Time `json:"expires"`

	Token    string `json:"-"` // file
	Passfile string `json:"-"` // file, as libpq reads it
}

// dir is where what belongs to a gateway is kept.
func dir(gateway string) (string, error) {
	u, err := url.Parse(gateway)
	if err != nil {
		return "", err
	}
	base, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("find where to keep the token: %w", err)
	}
	return filepath.Join(base, "sallyport", strings.ReplaceAll(u.Host, ":", "_")), nil
}

// AuthoritiesFile is where who vouches for a gateway is kept, beside the authorities of the system.
func AuthoritiesFile(gateway string) (string, error) {
	d, err := dir(gateway)
	return filepath.Join(d, "ca.pem"), err
}

// Save keeps a token where only its owner can read it, and beside it the authorities that vouched for the gateway (PEM; empty: those of
// the system did).
func Save(gateway string, t *api.TokenAnswer, authorities []byte, now time.Time) (*Kept, error) {
	d, err := dir(gateway)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(d, 0o700); err != nil {
		return nil, fmt.Errorf("make directory for the token: %w", err)
	}
	k := &Kept{
		URL: gateway, Name: t.Name, Groups: t.Groups, Expires: now.Add(time.Duration(t.ExpiresIn) * time.Second).UTC(),
		Token: filepath.Join(d, "token"), Passfile: filepath.Join(d, "pgpass"),
	}
	about, err := json.Marshal(k)
	if err != nil {
		return nil, err
	}
	// libpq's documentation, section 34.16: colons and backslashes are escaped.
	name := strings.NewReplacer(`\`, `\\`, ":", `\:`).Replace(t.Name)
	files := map[string]string{
		k.Token: t.AccessToken + "\n", k.Passfile: "*:*:*:" + name + ":" + t.AccessToken + "\n", filepath.Join(d, "login.json"): string(about) + "\n",
	}
	if len(authorities) > 0 {
		files[filepath.Join(d, "ca.pem")] = string(authorities)
	}
	for file, text := range files {
		if err := replace(file, text); err != nil {
			return nil, fmt.Errorf("keep the token: %w", err)
		}
	}
	return k, nil
}

// replace writes a file (mode 0600) in one step, whatever its mode was before.
func replace(file, text string) error {
	f, err := os.CreateTemp(filepath.Dir(file), ".new-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), file)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

// Load returns the token that was kept for a gateway; empty: none was, or it has expired.
func Load(gateway string, now time.Time) (string, error) {
	d, err := dir(gateway)
	if err != nil {
		return "", err
	}
	about, err := os.ReadFile(filepath.Join(d, "login.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read what was kept: %w", err)
	}
	var k Kept
	if err := json.Unmarshal(about, &k); err != nil {
		return "", fmt.Errorf("read what was kept: %w", err)
	}
	if !k.Expires.After(now) {
		return "", nil
	}
	token, err := os.ReadFile(filepath.Join(d, "token"))
	if err != nil {
		return "", fmt.Errorf("read the token: %w", err)
	}
	return strings.TrimSpace(string(token)), nil
}
