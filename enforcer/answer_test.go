package enforcer_test

import (
	"context"
	"testing"
	"time"

	"sallyport/enforcer"
	"sallyport/schemas"
	"sallyport/schemas/journal"
)

func TestAnswersOnTheLog(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	log, err := journal.Open(ctx, journal.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := log.Close(); err != nil {
			t.Error(err)
		}
	}()
	e, _ := newEnforcer(t, load(t, rules("deny", "a deny 'DROP' in command.sql.kinds")), func(c *enforcer.Config) { c.Log = log })
	stop, err := e.Start(ctx)
	if err != nil {
		t.Fatal(err)
	}

	request, err := ask("DROP TABLE t").MarshalVT()
	if err != nil {
		t.Fatal(err)
	}
	reply, err := log.Ask(ctx, schemas.AskVerdict("postgres"), request)
	if err != nil {
		t.Fatal(err)
	}
	verdict := new(schemas.VerdictAnswer)
	if err := verdict.UnmarshalVT(reply); err != nil || verdict.Outcome != schemas.Outcome_OUTCOME_DENY || policies(verdict)[0] != "a" {
		t.Errorf("%v %v", verdict, err)
	}

	request, err = (&schemas.AccessAsk{Principal: alice(), Target: "orders", Permission: "connect"}).MarshalVT()
	if err != nil {
		t.Fatal(err)
	}
	if reply, err = log.Ask(ctx, schemas.AskAccess, request); err != nil {
		t.Fatal(err)
	}
	access := new(schemas.AccessAnswer)
	if err := access.UnmarshalVT(reply); err != nil || !access.Allowed {
		t.Errorf("%v %v", access, err)
	}

	if reply, err := log.Ask(ctx, schemas.AskAccess, []byte{0xff}); err == nil {
		t.Errorf("an ask that cannot be read is answered: %v", reply)
	}
	stop()
	if _, err := log.Ask(ctx, schemas.AskVerdict("postgres"), request); err == nil {
		t.Error("answered after stop")
	}
}
