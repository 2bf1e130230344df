package postgres_test

import (
	"os"
	"testing"
	"time"
)

// TestHold keeps a gateway up for trying things by hand.
func TestHold(t *testing.T) {
	if os.Getenv("HOLD") == "" {
		t.Skip()
	}
	g := start(t, options{})
	os.WriteFile("/tmp/hold.txt", []byte(g.dsn()+"\n"+g.pg.DSN("postgres")+"\n"), 0o600)
	for range 3000 {
		time.Sleep(100 * time.Millisecond)
		if _, err := os.Stat("/tmp/hold.txt"); err != nil {
			return
		}
	}
}
