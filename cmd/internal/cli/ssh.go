package cli

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"sallyport/cmd/internal/api"
	"sallyport/cmd/internal/client"
	"sallyport/ingress/ssh/authority"
)

func (a *app) sshCommands() []*cobra.Command {
	key := &cobra.Command{Use: "key", Short: "Register, list and remove the SSH keys of people and agents", Args: exactly(0), RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	key.AddCommand(a.keyAdd(), a.keyList(), &cobra.Command{
		Use: "remove ID", Short: "Remove a key, and end the sessions that it opened, at once", Args: exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			server, err := a.client()
			if err != nil {
				return err
			}
			return server.Do(c.Context(), "DELETE", "/keys/"+url.PathEscape(args[0]), nil, nil, nil)
		},
	})
	own := &cobra.Command{Use: "ssh", Short: "Sign in to the SSH gateway", Args: exactly(0), RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	own.AddCommand(a.sshCertificate())
	return []*cobra.Command{key, own}
}

func (a *app) keyAdd() *cobra.Command {
	add := &cobra.Command{
		Use:   "add (--user NAME | --agent NAME) FILE",
		Short: "Register the public key in FILE (-: standard input)",
		Args:  exactly(1),
	}
	var in api.NewKey
	var ttl time.Duration
	var asJSON bool
	flags := add.Flags()
	flags.StringVar(&in.User, "user", "", "`NAME` of the user whose key it is")
	flags.StringVar(&in.Agent, "agent", "", "`NAME` of the agent whose key it is")
	flags.StringSliceVar(&in.Groups, "group", nil, "`GROUP` that its holder is in; may be repeated")
	flags.DurationVar(&ttl, "ttl", 0, "how long it holds (default limits.token_ttl)")
	flags.StringSliceVar(&in.Targets, "target", nil, "only for this `TARGET`; may be repeated")
	flags.BoolVar(&asJSON, "json", false, "print one JSON object")
	add.RunE = func(c *cobra.Command, args []string) error {
		text, err := a.read(args[0])
		if err != nil {
			return err
		}
		in.Key = strings.TrimSpace(string(text))
		if ttl != 0 {
			in.TTL = ttl.String()
		}
		server, err := a.client()
		if err != nil {
			return err
		}
		var out api.Key
		if err := server.Do(c.Context(), "POST", "/keys", nil, in, &out); err != nil {
			return err
		}
		if asJSON {
			return json.NewEncoder(a.Out).Encode(out)
		}
		_, err = fmt.Fprintln(a.Out, out.ID)
		return err
	}
	return add
}

func (a *app) keyList() *cobra.Command {
	list := &cobra.Command{Use: "list", Short: "List registered keys", Args: exactly(0)}
	asJSON := list.Flags().Bool("json", false, "print one object a line")
	list.RunE = func(c *cobra.Command, _ []string) error {
		server, err := a.client()
		if err != nil {
			return err
		}
		var answer struct {
			Keys []api.Key `json:"keys"`
		}
		if err := server.Do(c.Context(), "GET", "/keys", nil, nil, &answer); err != nil {
			return err
		}
		if *asJSON {
			return printLines(a.Out, answer.Keys)
		}
		w := tabwriter.NewWriter(a.Out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "ID\tFOR\tGROUPS\tEXPIRES\tKEY\tONLY FOR")
		for _, k := range answer.Keys {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s %s\t%s\n", k.ID, k.Principal, strings.Join(k.Groups, ","), k.Expires.Local().Format(time.DateTime),
				k.Fingerprint, k.Comment, strings.Join(k.Targets, ","))
		}
		return w.Flush()
	}
	return list
}

func (a *app) sshCertificate() *cobra.Command {
	command := &cobra.Command{
		Use:   "certificate (--key FILE | --agent)",
		Short: "Get a short-lived certificate for the SSH gateway, with your token",
		Long: "With --key, signs the public key in FILE (id_ed25519.pub) and writes the certificate beside it, where ssh finds\n" +
			"it (id_ed25519-cert.pub). With --agent, makes a new key and hands it with its certificate to the SSH agent, which\n" +
			"forgets it when the certificate ends; it is written nowhere.",
		Args: exactly(0),
	}
	file := command.Flags().String("key", "", "public key `FILE`")
	toAgent := command.Flags().Bool("agent", false, "hand a new key to the SSH agent")
	ttl := command.Flags().Duration("ttl", 0, "how long it holds (default 8h, and never longer than the token)")
	command.RunE = func(c *cobra.Command, _ []string) error {
		if (*file == "") == !*toAgent {
			return usage("give one of --key and --agent")
		}
		ask := func(public []byte) (*api.Certificate, error) {
			server, err := a.client()
			if err != nil {
				return nil, err
			}
			return certifyAt(c.Context(), server, public, *ttl)
		}
		if *toAgent {
			return a.certifyForAgent(ask)
		}
		return a.certifyFile(*file, ask)
	}
	return command
}

type certify func(public []byte) (*api.Certificate, error)

// certifyAt asks a server for a certificate that holds for ttl; 0: as long as it thinks fit.
func certifyAt(ctx context.Context, server *client.Client, public []byte, ttl time.Duration) (*api.Certificate, error) {
	in := api.CertificateRequest{Key: strings.TrimSpace(string(public))}
	if ttl != 0 {
		in.TTL = ttl.String()
	}
	out := new(api.Certificate)
	return out, server.Do(ctx, "POST", "/ssh/certificate", nil, in, out)
}

func (a *app) certifyFile(file string, ask certify) error {
	public, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("read public key: %w", err)
	}
	out, err := ask(public)
	if err != nil {
		return err
	}
	path := strings.TrimSuffix(file, ".pub") + "-cert.pub"
	if err := os.WriteFile(path, []byte(out.Certificate), 0o600); err != nil {
		return fmt.Errorf("write certificate: %w", err)
	}
	_, err = fmt.Fprintf(a.Out, "%s: for %s, until %s\n", path, out.Principal, out.Expires.Local().Format(time.DateTime))
	return err
}

func (a *app) certifyForAgent(ask certify) error {
	socket := a.Env("SSH_AUTH_SOCK")
	if socket == "" {
		return errors.New("there is no SSH agent: SSH_AUTH_SOCK is not set")
	}
	private, out, err := newCertificate(ask)
	if err != nil {
		return err
	}
	if err := toAgent(socket, private, out); err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.Out, "in the agent: for %s, until %s\n", out.Principal, out.Expires.Local().Format(time.DateTime))
	return err
}

// newCertificate makes a key, and has it certified.
func newCertificate(ask certify) (ed25519.PrivateKey, *api.Certificate, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("make key: %w", err)
	}
	signer, err := ssh.NewSignerFromSigner(private)
	if err != nil {
		return nil, nil, fmt.Errorf("make key: %w", err)
	}
	out, err := ask(ssh.MarshalAuthorizedKey(signer.PublicKey()))
	return private, out, err
}

// toAgent hands a certified key to the SSH agent, which forgets it when the certificate ends.
func toAgent(socket string, private ed25519.PrivateKey, c *api.Certificate) error {
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return fmt.Errorf("reach the SSH agent: %w", err)
	}
	defer conn.Close()
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(c.Certificate))
	if err != nil {
		return fmt.Errorf("read certificate: %w", err)
	}
	certificate, ok := key.(*ssh.Certificate)
	if !ok {
		return errors.New("the server sent no certificate")
	}
	left := max(time.Until(c.Expires), time.Second)
	err = agent.NewClient(conn).Add(agent.AddedKey{PrivateKey: &private, Certificate: certificate,
		Comment: "sallyport " + c.Principal, LifetimeSecs: uint32(left.Seconds())})
	if err != nil {
		return fmt.Errorf("hand the key to the SSH agent: %w", err)
	}
	return nil
}

// sshCA prints how clients, and targets, know the SSH gateway.
func (a *app) sshCA(patterns []string, users bool) error {
	config, err := a.load()
	if err != nil {
		return err
	}
	if _, err := os.Stat(config.KeyFile("ssh_host_ca")); errors.Is(err, os.ErrNotExist) {
		return errors.New("there is no SSH authority yet: `sallyport up` makes one when it starts")
	}
	own, err := authority.Load(filepath.Dir(config.KeyFile("ssh")), time.Now)
	if err != nil {
		return err
	}
	if users {
		_, err = fmt.Fprintf(a.Out, "%s sallyport\n", strings.TrimSpace(string(ssh.MarshalAuthorizedKey(own.UserAuthority()))))
		return err
	}
	_, port, _ := net.SplitHostPort(config.Listen.SSH)
	_, err = fmt.Fprint(a.Out, authority.KnownHosts(own.HostAuthority(), config.SSHHosts(), port, patterns))
	return err
}
