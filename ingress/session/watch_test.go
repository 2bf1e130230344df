package session_test

import (
	"context"
	"runtime"
	"testing"
	"time"

	"sallyport/ingress/session"
	"sallyport/ingress/sessiontest"
)

// TestIdleSessions: sessions that rest have no goroutine, and each is told all the same when its token is
// revoked or expires, or when the gateway loses its lease. Those that are closed by then are told nothing.
func TestIdleSessions(t *testing.T) {
	const sessions = 200
	for name, c := range map[string]struct {
		expires time.Duration
		end     func(e *sessiontest.Env, revoke func())
		want    session.End
	}{
		"revoked": {time.Hour, func(_ *sessiontest.Env, revoke func()) { revoke() },
			session.End{Reason: session.ReasonExpired, Message: "the token was revoked"}},
		"expired": {time.Nanosecond, func(*sessiontest.Env, func()) {}, session.End{Reason: session.ReasonExpired, Message: "the token has expired"}},
		"lease lost": {time.Hour, func(e *sessiontest.Env, _ func()) { _ = e.Lease.Release(context.Background()) },
			session.End{Reason: session.ReasonError, Message: "the session cannot be recorded, so it was ended"}},
	} {
		t.Run(name, func(t *testing.T) {
			now := time.Now()
			e := sessiontest.New(t, "test", func(c *session.Config) { c.Now = func() time.Time { return now } })
			revoked, revoke := context.WithCancel(context.Background())
			defer revoke()
			id := alice()
			id.Revoked = revoked
			id.Expires = now.Add(c.expires) // of a clock that stands still: whoever opens is in time
			open(t, e, id)                  // what all share
			before := runtime.NumGoroutine()
			var all []*session.Session
			for range sessions {
				all = append(all, open(t, e, id))
			}
			for end := time.Now().Add(time.Minute); runtime.NumGoroutine() > before+sessions/4; time.Sleep(time.Millisecond) {
				if time.Now().After(end) {
					t.Fatalf("%d idle sessions have %d goroutines", sessions, runtime.NumGoroutine()-before)
				}
			}
			closed := all[0]
			if err := closed.Close(t.Context(), session.End{Reason: session.ReasonClient, Message: "left"}); err != nil {
				t.Fatal(err)
			}
			c.end(e, revoke)
			for _, s := range all[1:] {
				if got := ends(t, s); got != c.want {
					t.Fatalf("a session ends with %+v, want %+v", got, c.want)
				}
			}
			if got := closed.End(); name != "expired" && got.Reason != session.ReasonClient {
				t.Errorf("the session that was closed ended with %+v", got)
			}
		})
	}
}
