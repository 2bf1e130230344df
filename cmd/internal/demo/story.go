package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"time"

	"sallyport/cmd/internal/api"
)

// alice is the sample engineer, bob the sample database administrator.
const (
	alice      = "alice@example.com"
	aliceGroup = "eng"
	bob        = "bob@example.com"
	bobGroup   = "dba"
)

// patience is how long a step may take to be seen.
const patience = 30 * time.Second

// step is a part of the story: what it shows, and what is done with alice's token.
type step struct {
	title string
	run   func(context.Context, string) error
}

// story runs each step, shows it, and checks that it was seen. Then it stays, unless told not to.
func (d *demo) story(ctx context.Context) error {
	token, err := d.token(ctx, api.NewToken{User: alice, Groups: []string{aliceGroup}, TTL: "8h"})
	if err != nil {
		return err
	}
	if d.bob, err = d.reviewer(ctx); err != nil {
		return err
	}
	if err := d.addPeople(ctx); err != nil {
		return err
	}
	steps := []step{
		{"alice signs in, with the built-in provider's user and password", d.signsIn},
		{"alice reads her customers, with her own psql and a token instead of a password", d.reads},
		{"mail is masked however she asks for it, and cards wherever they are", d.masked},
		{"alice tries to drop the table: it waits, and bob refuses", d.dropRefused},
		{"alice drops last year's copy: it waits, and bob approves", d.dropApproved},
		{"an agent works on a prompt, and what it does is found from the prompt", d.runs},
		{"somebody searches for what happened to customers", d.searches},
	}
	if d.machine != nil {
		steps = append(steps,
			step{"alice looks around on a server, with her own ssh: cards are masked there, too", d.looksAround},
			step{"alice tries to remove files: it waits, and bob refuses", d.removalRefused},
			step{"somebody searches for what stood on her screen", d.findsScreen})
	}
	steps = append(steps, step{"the recordings are whole and unaltered", d.proves})
	for i, step := range steps {
		d.say("\n%d. %s", i+1, step.title)
		stepCtx, cancel := context.WithTimeout(ctx, patience)
		err := step.run(stepCtx, token.Token)
		cancel()
		if err != nil {
			return fmt.Errorf("step %d (%s): %w", i+1, step.title, err)
		}
	}
	if d.c.Once {
		d.say("\nEvery step was seen.")
		return nil
	}
	return d.stay(ctx, token.Token)
}

// stay prints what to paste and waits.
func (d *demo) stay(ctx context.Context, token string) error {
	link, err := d.token(ctx, api.NewToken{User: alice, Groups: []string{aliceGroup}, TTL: "10m", SignIn: true})
	if err != nil {
		return err
	}
	host, port, err := net.SplitHostPort(d.server.Address("postgres"))
	if err != nil {
		return fmt.Errorf("address of the gateway: %w", err)
	}
	d.say("\nYour turn. In another terminal:\n")
	d.say("    PGPASSWORD=%s psql \"host=%s port=%s user=%s dbname=orders\"", token, host, port, alice)
	if d.machine != nil {
		d.say("\nor, for a server (it is this machine, with a home of its own):\n\n    ssh -F %s web1", d.sshConfig())
	}
	d.say("\nand in a browser (the link signs you in, once):\n\n    %s", link.Link)
	d.say("\nor sign in there as %s with %s\nor, to decide as a reviewer, as %s with %s", alice, d.passwords[alice], bob, d.passwords[bob])
	d.say("\nTry: SELECT * FROM customers;   and watch the session live in the browser.")
	d.say("\nTry: DELETE FROM customers;   It waits: decide as bob, in a third terminal, with\n")
	d.say("    export SALLYPORT_TOKEN=%s", d.bob.token)
	d.say("    sallyport --url http://%s approvals list", d.server.Address("web"))
	d.say("    sallyport --url http://%s approvals approve REQUEST", d.server.Address("web"))
	if d.machine != nil {
		d.say("\nTry: ssh -F %s web1 'rm -r ~/invoices'   It waits, too.", d.sshConfig())
	}
	d.say("\nPress Ctrl-C to end; everything is thrown away.")
	<-ctx.Done()
	d.say("\nEnding …")
	return nil
}

func (d *demo) token(ctx context.Context, in api.NewToken) (*api.TokenMade, error) {
	made := new(api.TokenMade)
	if err := d.client.Do(ctx, "POST", "/tokens", nil, in, made); err != nil {
		return nil, fmt.Errorf("make a token: %w", err)
	}
	return made, nil
}

// psql runs statements through the gateway with the real client, shows what it said, and returns it.
func (d *demo) psql(ctx context.Context, token string, statements ...string) (string, error) {
	return d.psqlAs(ctx, alice, token, statements...)
}

func (d *demo) psqlAs(ctx context.Context, user, token string, statements ...string) (string, error) {
	host, port, err := net.SplitHostPort(d.server.Address("postgres"))
	if err != nil {
		return "", fmt.Errorf("address of the gateway: %w", err)
	}
	args := []string{"--no-psqlrc", "-P", "pager=off", fmt.Sprintf("host=%s port=%s user=%s dbname=orders application_name=psql", host, port, user)}
	for _, s := range statements {
		args = append(args, "-c", s)
		d.say("   orders=> %s", s)
	}
	command := exec.CommandContext(ctx, "psql", args...)
	command.Env = append(os.Environ(), "PGPASSWORD="+token)
	out, err := command.CombinedOutput()
	for line := range strings.Lines(string(out)) {
		fmt.Fprint(d.c.Out, "   "+line)
	}
	if err != nil && command.ProcessState == nil {
		return "", fmt.Errorf("run psql: %w", err) // not: psql ran and reported an error
	}
	return string(out), nil
}

func (d *demo) reads(ctx context.Context, token string) error {
	out, err := d.psql(ctx, token, "SELECT id, name, since FROM customers ORDER BY id LIMIT 3;")
	if err != nil {
		return err
	}
	return expect(out, "Ada Lovelace", "(3 rows)")
}

func (d *demo) masked(ctx context.Context, token string) error {
	out, err := d.psql(ctx, token, "SELECT id, email, reverse(email), card FROM customers ORDER BY id LIMIT 3;")
	if err != nil {
		return err
	}
	for _, hidden := range []string{"ada@", "ecarg", "4111 1111"} {
		if strings.Contains(out, hidden) {
			return fmt.Errorf("%q was to be masked in:\n%s", hidden, out)
		}
	}
	return expect(out, "[redacted]", "***************1111", "(3 rows)")
}

func expect(out string, wanted ...string) error {
	for _, w := range wanted {
		if !strings.Contains(out, w) {
			return fmt.Errorf("%q was to be seen, and was not, in:\n%s", w, out)
		}
	}
	return nil
}

// hit is what the story looks at of a search hit.
type hit struct {
	Session   string `json:"session"`
	Number    uint64 `json:"number"`
	Principal string `json:"principal"`
	Verdict   string `json:"verdict"`
	Field     string `json:"field"`
	Link      string `json:"link"`
}

// searches waits until both statements can be found, and opens the link of the one that was held.
func (d *demo) searches(ctx context.Context, _ string) error {
	query := "customers who:" + alice + " field:command"
	d.say("   $ sallyport search '%s'", query)
	var held, allowed *hit
	for held == nil || allowed == nil {
		hits, err := d.search(ctx, query)
		if err != nil {
			return err
		}
		for _, h := range hits {
			switch h.Verdict {
			case "hold":
				held = &h
			case "allow":
				allowed = &h
			}
		}
		if err := pause(ctx); err != nil {
			return fmt.Errorf("the search did not find both statements: %w", err)
		}
	}
	d.say("   allowed: http://%s%s", d.server.Address("web"), allowed.Link)
	d.say("   held:    http://%s%s", d.server.Address("web"), held.Link)
	return d.replays(ctx, held)
}

func (d *demo) search(ctx context.Context, query string) ([]hit, error) {
	var answer struct {
		Hits []hit `json:"hits"`
	}
	err := d.client.Do(ctx, "GET", "/search", url.Values{"q": {query}, "limit": {"100"}}, nil, &answer)
	return answer.Hits, err
}

// pause is the time between two looks at something that is about to happen.
func pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(50 * time.Millisecond):
		return nil
	}
}

// replays reads the entries that the link leads to.
func (d *demo) replays(ctx context.Context, h *hit) error {
	var answer struct {
		Entries []json.RawMessage `json:"entries"`
	}
	q := url.Values{"from": {fmt.Sprint(h.Number)}, "limit": {"6"}}
	if err := d.client.Do(ctx, "GET", "/sessions/"+h.Session+"/entries", q, nil, &answer); err != nil {
		return fmt.Errorf("replay: %w", err)
	}
	return expect(string(bytes.Join(rawBytes(answer.Entries), nil)), "DROP TABLE customers", `"hold"`, "hold-destructive-sql", `"denied"`, bob)
}

func rawBytes(raw []json.RawMessage) [][]byte {
	out := make([][]byte, len(raw))
	for i, r := range raw {
		out[i] = r
	}
	return out
}

// proves checks every session that is closed by now.
func (d *demo) proves(ctx context.Context, _ string) error {
	body, err := d.client.Stream(ctx, "GET", "/verify", nil, nil)
	if err != nil {
		return err
	}
	defer body.Close()
	decoder, n := json.NewDecoder(body), 0
	for decoder.More() {
		var r struct {
			Session  string   `json:"session"`
			Entries  uint64   `json:"entries"`
			Problems []string `json:"problems"`
		}
		if err := decoder.Decode(&r); err != nil {
			return fmt.Errorf("read the proof: %w", err)
		}
		if len(r.Problems) > 0 {
			return fmt.Errorf("session %s is damaged: %s", r.Session, strings.Join(r.Problems, "; "))
		}
		n++
		d.say("   session %s: %d entries, whole", r.Session, r.Entries)
	}
	if n < 4 {
		return fmt.Errorf("%d sessions were proven, want 4", n)
	}
	return nil
}
