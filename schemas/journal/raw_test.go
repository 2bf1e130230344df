package journal_test

import (
	"context"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"sallyport/schemas"
)

// raw reaches a NATS past the log, as somebody who tampers would.
func raw(t *testing.T, url string) (*nats.Conn, jetstream.JetStream) {
	t.Helper()
	nc, err := nats.Connect(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return nc, js
}

// endLease takes a lease away from its holder.
func endLease(t *testing.T, url string, id schemas.GatewayID) {
	t.Helper()
	_, js := raw(t, url)
	s, err := js.Stream(context.Background(), "KV_leases")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Purge(context.Background(), jetstream.WithPurgeSubject("$KV.leases."+string(id))); err != nil {
		t.Fatal(err)
	}
}
