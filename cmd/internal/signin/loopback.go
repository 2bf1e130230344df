package signin

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/oauth2"

	"sallyport/cmd/internal/api"
)

// came is what the browser brought to the loopback address.
type came struct{ code, failed string }

// Browser signs a terminal in through a browser on the same machine. open is given where the browser
// must go.
func (g *Gateway) Browser(ctx context.Context, open func(where string)) (*api.TokenAnswer, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for the browser: %w", err)
	}
	redirect := "http://" + l.Addr().String() + "/callback"
	state, verifier := oauth2.GenerateVerifier(), oauth2.GenerateVerifier()
	arrived := make(chan came, 1)
	s := &http.Server{Handler: callback(state, arrived), ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		if s.Shutdown(closing) != nil {
			_ = s.Close() // the browser keeps a connection open
		}
	}()
	open(g.base + "/login?" + url.Values{
		"redirect_uri": {redirect}, "state": {state}, "code_challenge": {oauth2.S256ChallengeFromVerifier(verifier)},
	}.Encode())
	select {
	case c := <-arrived:
		if c.failed != "" {
			return nil, errors.New(c.failed)
		}
		return g.token(ctx, url.Values{
			"grant_type": {api.GrantCode}, "code": {c.code}, "code_verifier": {verifier}, "redirect_uri": {redirect},
		})
	case err := <-served:
		return nil, fmt.Errorf("listen for the browser: %w", err)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// callback takes what the browser brings, once, and only with the state of this sign-in.
func callback(state string, arrived chan<- came) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /callback", func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'")
		h.Set("Referrer-Policy", "no-referrer")
		q := r.URL.Query()
		if subtle.ConstantTimeCompare([]byte(q.Get("state")), []byte(state)) != 1 {
			http.Error(w, "This is not the sign-in that the terminal waits for.", http.StatusBadRequest)
			return
		}
		c := came{code: q.Get("code")}
		if c.code == "" {
			c.failed = "the browser came back without a code"
		}
		select {
		case arrived <- c:
		default: // it was there before
		}
		fmt.Fprintln(w, "The terminal is signed in. You can close this page.")
	})
	return mux
}
