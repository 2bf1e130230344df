// Package signin is the terminal's half of signing in: through a browser on the same machine (RFC 8252
// with PKCE), through a browser anywhere (RFC 8628), or with what a machine's own platform vouches for
// it with (RFC 8693). Whichever provider people use, the gateway's own pages lead to it.
package signin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"sallyport/cmd/internal/api"
	"sallyport/cmd/internal/certs"
)

// Config is what New needs.
type Config struct {
	URL  string // of the gateway
	HTTP *http.Client
}

// Gateway is where to sign in.
type Gateway struct {
	base string // without a slash at its end
	http *http.Client
}

// New returns a Gateway. It does not connect.
func New(c Config) (*Gateway, error) {
	u, err := url.Parse(c.URL)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, fmt.Errorf("%q is not an http or https URL", c.URL)
	}
	if host := u.Hostname(); u.Scheme == "http" && host != "localhost" && host != "127.0.0.1" && host != "::1" {
		return nil, fmt.Errorf("%s would send the token in clear: use https", c.URL)
	}
	return &Gateway{base: strings.TrimSuffix(c.URL, "/"), http: c.HTTP}, nil
}

// refused is what the token endpoint says: RFC 6749 section 5.2.
type refused struct {
	Word        string `json:"error"`
	Description string `json:"error_description"`
	Detail      string `json:"detail"`
	Hint        string `json:"hint"`
}

func (r *refused) Error() string {
	text := r.Description
	if text == "" {
		text = r.Detail
	}
	if text == "" {
		text = "the gateway refused"
	}
	if r.Hint != "" {
		text += " (" + r.Hint + ")"
	}
	return text
}

// post sends a form and decodes the answer into out.
func (g *Gateway) post(ctx context.Context, path string, form url.Values, out any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, g.base+"/api/v1/identity/"+path, strings.NewReader(form.Encode()))
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := g.http.Do(request)
	if err != nil {
		return fmt.Errorf("reach the gateway: %w", certs.Unknown(err))
	}
	defer response.Body.Close()
	decoder := json.NewDecoder(http.MaxBytesReader(nil, response.Body, 1<<20))
	if response.StatusCode != http.StatusOK {
		r := new(refused)
		if decoder.Decode(r) != nil {
			r.Detail = "the gateway answered " + response.Status
		}
		return r
	}
	if err := decoder.Decode(out); err != nil {
		return fmt.Errorf("read the gateway's answer: %w", err)
	}
	return nil
}

func (g *Gateway) token(ctx context.Context, form url.Values) (*api.TokenAnswer, error) {
	answer := new(api.TokenAnswer)
	if err := g.post(ctx, "token", form, answer); err != nil {
		return nil, err
	}
	return answer, nil
}

// Exchange signs a machine in with a token of its own platform.
func (g *Gateway) Exchange(ctx context.Context, jwt string) (*api.TokenAnswer, error) {
	return g.token(ctx, url.Values{
		"grant_type": {api.GrantExchange}, "subject_token": {strings.TrimSpace(jwt)},
		"subject_token_type": {"urn:ietf:params:oauth:token-type:jwt"},
	})
}

// Device signs a terminal in through a browser anywhere. show is told where to go, and with which
// code.
func (g *Gateway) Device(ctx context.Context, host string, show func(api.DeviceAnswer)) (*api.TokenAnswer, error) {
	var d api.DeviceAnswer
	if err := g.post(ctx, "device", url.Values{"host": {host}}, &d); err != nil {
		return nil, err
	}
	show(d)
	interval := time.Duration(max(d.Interval, 1)) * time.Second
	timer := time.NewTimer(interval)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		answer, err := g.token(ctx, url.Values{"grant_type": {api.GrantDevice}, "device_code": {d.DeviceCode}})
		said, refusal := errors.AsType[*refused](err)
		switch {
		case err == nil:
			return answer, nil
		case refusal && said.Word == "slow_down":
			interval += 5 * time.Second // RFC 8628 section 3.5
		case !refusal || said.Word != "authorization_pending":
			return nil, err
		}
		timer.Reset(interval)
	}
}
