package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"sallyport/cmd/internal/api"
	"sallyport/ingress/ssh/authority"
	"sallyport/ingress/ssh/sshtest"
)

// machine is the sample server that people reach over SSH: a throwaway sshd that lets in who runs the demo, with
// a home of its own.
type machine struct {
	sshd *sshtest.Server
	home string
}

// sampleFiles are what alice finds there.
func sampleFiles() map[string]string {
	return map[string]string{
		"customers.txt": "1  Ada Lovelace     4111 1111 1111 1111\n2  Grace Hopper     5555 5555 5555 4444\n3  Barbara Liskov   3782 822463 10005\n",
		"invoices/2025": "129900\n",
		".profile":      "cd\nPS1='web1$ '\n",
	}
}

// startMachine starts the server. Where no sshd is installed it returns nil, and says so.
func (d *demo) startMachine(ctx context.Context) (*machine, error) {
	m := &machine{home: filepath.Join(d.dir, "web1")}
	for name, text := range sampleFiles() {
		file := filepath.Join(m.home, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, []byte(text), 0o600)); err != nil {
			return nil, fmt.Errorf("write sample files: %w", err)
		}
	}
	var err error
	m.sshd, err = sshtest.Start(ctx, sshtest.Config{Lines: []string{"SetEnv HOME=" + m.home}})
	if errors.Is(err, sshtest.ErrNotInstalled) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("start sshd: %w", err)
	}
	return m, nil
}

func (m *machine) stop() error {
	if m == nil {
		return nil
	}
	return m.sshd.Stop()
}

// declare is what an operator says of the server.
func (m *machine) declare() string {
	if m == nil {
		return ""
	}
	return strings.NewReplacer("ADDRESS", m.sshd.Address, "USER", m.sshd.User, "KEY", m.sshd.Key, "HOST", m.sshd.HostKeys[0]).Replace(declaredServer)
}

const declaredServer = `---
apiVersion: sallyport/v1
kind: Target
metadata: {name: web1, labels: {env: demo}}
spec:
  protocol: ssh
  address: "ADDRESS"
  credential: {username: "USER", key: {file: KEY}}
  ssh: {hostKeys: ["HOST"]}
---
apiVersion: sallyport/v1
kind: Policy
metadata: {name: hold-removal}
spec:
  targets: {labels: {env: demo}}
  when: command.exec.programs.exists(p, p in ["rm", "shred", "dd"])
  verdict: hold
  approval: {any: [{groups: [dba], count: 1}], expires: 15m}
  message: removing files needs somebody's consent
`

// knows gives alice a key, and an ssh that knows the gateway, as `sallyport login` does for people.
func (d *demo) knows(ctx context.Context) error {
	key := filepath.Join(d.dir, "alice")
	if out, err := exec.CommandContext(ctx, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "alice", "-f", key).CombinedOutput(); err != nil {
		return fmt.Errorf("make alice's key: %w: %s", err, out)
	}
	public, err := os.ReadFile(key + ".pub")
	if err != nil {
		return fmt.Errorf("read alice's key: %w", err)
	}
	if err := d.client.Do(ctx, "POST", "/keys", nil, api.NewKey{User: alice, Groups: []string{aliceGroup}, Key: string(public)}, nil); err != nil {
		return fmt.Errorf("register alice's key: %w", err)
	}
	own, err := authority.Load(filepath.Dir(d.config.KeyFile("ssh")), time.Now)
	if err != nil {
		return err
	}
	host, port, err := net.SplitHostPort(d.server.Address("ssh"))
	if err != nil {
		return fmt.Errorf("address of the gateway: %w", err)
	}
	known := filepath.Join(d.dir, "known_hosts")
	config := fmt.Sprintf("Host web1\n  HostName %s\n  Port %s\n  User %s+web1\n  IdentityFile %s\n  IdentitiesOnly yes\n  UserKnownHostsFile %s\n  LogLevel ERROR\n",
		host, port, alice, key, known)
	return errors.Join(os.WriteFile(known, []byte(authority.KnownHosts(own.HostAuthority(), []string{host}, port, nil)), 0o600),
		os.WriteFile(d.sshConfig(), []byte(config), 0o600))
}

func (d *demo) sshConfig() string { return filepath.Join(d.dir, "ssh") }

// ssh runs a command line on web1 through the gateway with the real client, shows what it said, and returns it.
func (d *demo) ssh(ctx context.Context, line string, args ...string) (string, error) {
	args = append(args, "web1")
	d.say("   $ ssh %s '%s'", strings.Join(args, " "), line)
	command := exec.CommandContext(ctx, "ssh", append(append([]string{"-F", d.sshConfig(), "-o", "BatchMode=yes"}, args...), line)...)
	out, err := command.CombinedOutput()
	text := strings.ReplaceAll(string(out), "\r\n", "\n")
	for line := range strings.Lines(text) {
		fmt.Fprint(d.c.Out, "   "+line)
	}
	if err != nil && command.ProcessState == nil {
		return "", fmt.Errorf("run ssh: %w", err) // not: ssh ran and its command failed
	}
	return text, nil
}

// looksAround reads a file on a terminal.
func (d *demo) looksAround(ctx context.Context, _ string) error {
	if err := d.knows(ctx); err != nil {
		return err
	}
	out, err := d.ssh(ctx, "cat ~/customers.txt", "-tt")
	if err != nil {
		return err
	}
	if strings.Contains(out, "4111 1111") {
		return fmt.Errorf("a card was to be masked in:\n%s", out)
	}
	return expect(out, "Ada Lovelace", "***************1111")
}

func (d *demo) removalRefused(ctx context.Context, _ string) error {
	const line = "rm -rf ~/invoices"
	decided := make(chan error, 1)
	go func() { decided <- d.decide(ctx, "web1", line, "deny", "the auditors want them") }()
	out, err := d.ssh(ctx, line)
	if err != nil {
		return err
	}
	if err := <-decided; err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(d.machine.home, "invoices", "2025")); err != nil {
		return fmt.Errorf("the invoices were to stay: %w", err)
	}
	return expect(out, "held for approval: removing files needs somebody's consent", "denied by "+bob+": the auditors want them")
}

// findsScreen waits until what stood on alice's terminal can be found.
func (d *demo) findsScreen(ctx context.Context, _ string) error {
	const query = `"ada lovelace" target:web1 field:screen`
	d.say("   $ sallyport search '%s'", query)
	for {
		hits, err := d.search(ctx, query)
		if err != nil {
			return err
		}
		if len(hits) > 0 {
			d.say("   on screen: http://%s%s", d.server.Address("web"), hits[0].Link)
			return d.onScreen(ctx, &hits[0])
		}
		if err := pause(ctx); err != nil {
			return fmt.Errorf("the search did not find the screen: %w", err)
		}
	}
}

// onScreen holds that the recording has what was on the screen, with its cards masked.
func (d *demo) onScreen(ctx context.Context, h *hit) error {
	var answer struct {
		Entries []json.RawMessage `json:"entries"`
	}
	if err := d.client.Do(ctx, "GET", "/sessions/"+h.Session+"/entries", url.Values{"limit": {"100"}}, nil, &answer); err != nil {
		return fmt.Errorf("replay: %w", err)
	}
	recorded := string(bytes.Join(rawBytes(answer.Entries), nil))
	if strings.Contains(recorded, "4111 1111") {
		return fmt.Errorf("the recording holds a card's number:\n%s", recorded)
	}
	return expect(recorded, "Ada Lovelace", "***************1111")
}
