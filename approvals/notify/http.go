package notify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 1 << 20

// client follows no redirects: what is signed for one address is not sent to another.
func client() *http.Client {
	return &http.Client{Timeout: time.Minute, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// post sends a body and returns the answer's, if it is a success.
func post(ctx context.Context, c *http.Client, url string, body []byte, headers map[string]string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return nil, Permanent(errors.New("the address is not one")) // it may hold a secret
	}
	for k, v := range headers {
		r.Header.Set(k, v)
	}
	answer, err := c.Do(r)
	if err != nil {
		return nil, unwrapped(err)
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	if answer.StatusCode < 300 {
		return data, nil
	}
	err = fmt.Errorf("answered %s", answer.Status)
	switch {
	case answer.StatusCode == http.StatusRequestTimeout, answer.StatusCode == http.StatusTooManyRequests, answer.StatusCode >= 500:
		return nil, err
	}
	return nil, Permanent(err)
}

// unwrapped is an error of a request without the address, which may hold a secret.
func unwrapped(err error) error {
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(err) {
		if _, ok := err.(interface{ Timeout() bool }); !ok {
			break
		}
		err = inner
	}
	return fmt.Errorf("send: %w", err)
}
