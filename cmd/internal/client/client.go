// Package client is how the command line reaches a running server: through the unix socket in its
// data directory (as administrator), or at a URL with a user's token.
package client

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/gorilla/websocket"

	"sallyport/cmd/internal/certs"
)

// Config says which server. Exactly one of Socket and URL is set.
type Config struct {
	Socket string // path of the administrator's socket
	URL    string // https://gateway.example.com
	Token  string // with URL

	Authorities *x509.CertPool // that vouch for the server at URL; nil: the system's
}

// Client talks to the API.
type Client struct {
	base  *url.URL
	token string
	http  *http.Client
	tls   *tls.Config // of websockets
	dial  func(ctx context.Context, network, address string) (net.Conn, error)
}

// New checks c. It does not connect.
func New(c Config) (*Client, error) {
	if c.URL == "" {
		dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", c.Socket)
		}
		return &Client{
			base: &url.URL{Scheme: "http", Host: "sallyport"}, dial: dial,
			http: &http.Client{Transport: &http.Transport{DialContext: dial}},
		}, nil
	}
	base, err := url.Parse(c.URL)
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" {
		return nil, fmt.Errorf("%q is not an http or https URL", c.URL)
	}
	if c.Token == "" {
		return nil, errors.New("no token: run sallyport login, or set SALLYPORT_TOKEN to one")
	}
	if base.Scheme == "http" && !loopback(base.Hostname()) {
		return nil, fmt.Errorf("%s would send the token in clear: use https", c.URL)
	}
	transport := certs.Transport(c.Authorities)
	return &Client{base: base, token: c.Token, tls: transport.TLSClientConfig.Clone(), http: &http.Client{Transport: transport}}, nil
}

// As returns a client that presents a token, at the administrator's socket too.
func (c *Client) As(token string) *Client {
	as := *c
	as.token = token
	return &as
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Problem is an error that the server answered: RFC 9457.
type Problem struct {
	Status int    `json:"status"`
	Title  string `json:"title"`
	Detail string `json:"detail"`
	Code   string `json:"code"`
	Hint   string `json:"hint"`
}

func (p *Problem) Error() string {
	text := p.Detail
	if text == "" {
		text = p.Title
	}
	if p.Hint != "" {
		text += " (" + p.Hint + ")"
	}
	return text
}

// Do sends in (nil: no body) and decodes the answer into out (nil: none is wanted).
func (c *Client) Do(ctx context.Context, method, path string, query url.Values, in, out any) error {
	body, err := c.Stream(ctx, method, path, query, in)
	if err != nil {
		return err
	}
	defer body.Close()
	if out == nil {
		return nil
	}
	if err := json.NewDecoder(body).Decode(out); err != nil {
		return fmt.Errorf("read the server's answer: %w", err)
	}
	return nil
}

// Stream sends in and returns the answer's body, which the caller closes.
func (c *Client) Stream(ctx context.Context, method, path string, query url.Values, in any) (io.ReadCloser, error) {
	return c.stream(ctx, method, path, query, in, "")
}

// Lines is Stream of an answer of which a line comes whenever there is something to say.
func (c *Client) Lines(ctx context.Context, method, path string, query url.Values, in any) (io.ReadCloser, error) {
	return c.stream(ctx, method, path, query, in, "application/x-ndjson")
}

func (c *Client) stream(ctx context.Context, method, path string, query url.Values, in any, accept string) (io.ReadCloser, error) {
	var body io.Reader
	switch in := in.(type) {
	case nil:
	case []byte:
		body = bytes.NewReader(in)
	default:
		data, err := json.Marshal(in)
		if err != nil {
			return nil, fmt.Errorf("encode request: %w", err)
		}
		body = bytes.NewReader(data)
	}
	request, err := http.NewRequestWithContext(ctx, method, c.url(c.base.Scheme, path, query), body)
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	c.authorize(request.Header)
	if accept != "" {
		request.Header.Set("Accept", accept)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, c.unreachable(err)
	}
	if response.StatusCode < 300 {
		return response.Body, nil
	}
	defer response.Body.Close()
	return nil, problem(response)
}

func (c *Client) url(scheme, path string, query url.Values) string {
	u := *c.base
	u.Scheme, u.RawQuery = scheme, query.Encode()
	u.Path = strings.TrimSuffix(u.Path, "/") + "/api/v1" + path
	return u.String()
}

// Ready returns nil if the server is ready, else why it is not.
func (c *Client) Ready(ctx context.Context) error {
	u := *c.base
	u.Path = strings.TrimSuffix(u.Path, "/") + "/readyz"
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return c.unreachable(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return problem(response)
	}
	return nil
}

func (c *Client) authorize(h http.Header) {
	if c.token != "" {
		h.Set("Authorization", "Bearer "+c.token)
	}
}

func (c *Client) unreachable(err error) error {
	if c.dial != nil && (errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED)) {
		return errors.New("no server is running with this configuration: start it with `sallyport up`")
	}
	return fmt.Errorf("reach the server: %w", certs.Unknown(err))
}

func problem(r *http.Response) error {
	p := &Problem{Status: r.StatusCode, Title: r.Status}
	data, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil || json.Unmarshal(data, p) != nil {
		return &Problem{Status: r.StatusCode, Title: "the server answered " + r.Status}
	}
	return p
}

// Websocket opens a websocket. The caller closes it.
func (c *Client) Websocket(ctx context.Context, path string, query url.Values) (*websocket.Conn, error) {
	scheme := "ws"
	if c.base.Scheme == "https" {
		scheme = "wss"
	}
	header := make(http.Header)
	c.authorize(header)
	d := websocket.Dialer{NetDialContext: c.dial, TLSClientConfig: c.tls, HandshakeTimeout: 30 * time.Second}
	conn, response, err := d.DialContext(ctx, c.url(scheme, path, query), header)
	if err == nil {
		return conn, nil
	}
	if response != nil {
		defer response.Body.Close()
		return nil, problem(response)
	}
	return nil, c.unreachable(err)
}
