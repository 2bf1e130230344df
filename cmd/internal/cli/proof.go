package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"sallyport/cmd/internal/certs"
	"sallyport/ingress/credential"
)

// version is set when the binary is built.
var version = "unknown"

func (a *app) proofCommands() []*cobra.Command {
	return []*cobra.Command{a.verify(), a.rebuild(), a.seal(), a.ca(), a.doctor(), {
		Use: "version", Short: "Print the version", Args: exactly(0),
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintf(a.Out, "sallyport %s %s %s/%s\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}}
}

// report is what verify answers of one session.
type report struct {
	Session  string   `json:"session"`
	Entries  uint64   `json:"entries"`
	Closed   bool     `json:"closed"`
	Problems []string `json:"problems"`
}

func (a *app) verify() *cobra.Command {
	verify := &cobra.Command{
		Use:   "verify [SESSION]",
		Short: "Prove that recordings are whole and unaltered",
		Args:  between(0, 1),
	}
	asJSON := verify.Flags().Bool("json", false, "print one object a line")
	verify.RunE = func(c *cobra.Command, args []string) error {
		server, err := a.client()
		if err != nil {
			return err
		}
		path := "/verify"
		if len(args) == 1 {
			path = "/sessions/" + url.PathEscape(args[0]) + "/verify"
		}
		body, err := server.Stream(c.Context(), "GET", path, nil, nil)
		if err != nil {
			return err
		}
		defer body.Close()
		return a.printReports(body, *asJSON)
	}
	return verify
}

// printReports prints one report a line and fails if any has a problem.
func (a *app) printReports(body io.Reader, asJSON bool) error {
	decoder, damaged := json.NewDecoder(body), 0
	for {
		var raw json.RawMessage
		if err := decoder.Decode(&raw); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return fmt.Errorf("read the server's answer: %w", err)
		}
		var r report
		if err := json.Unmarshal(raw, &r); err != nil {
			return fmt.Errorf("read the server's answer: %w", err)
		}
		if len(r.Problems) > 0 {
			damaged++
		}
		if asJSON {
			fmt.Fprintln(a.Out, string(raw))
			continue
		}
		fmt.Fprintf(a.Out, "%s  %d entries  %s\n", r.Session, r.Entries, judgement(r))
	}
	if damaged > 0 {
		return fmt.Errorf("%d sessions are damaged", damaged)
	}
	return nil
}

func judgement(r report) string {
	switch {
	case len(r.Problems) > 0:
		return "DAMAGED: " + strings.Join(r.Problems, "; ")
	case !r.Closed:
		return "whole so far (open)"
	}
	return "whole"
}

func (a *app) seal() *cobra.Command {
	return &cobra.Command{
		Use:   "seal",
		Short: "Seal a secret from standard input with this data directory's key, for `credential.password.sealed`",
		Args:  exactly(0),
		RunE: func(*cobra.Command, []string) error {
			config, err := a.load()
			if err != nil {
				return err
			}
			secret, err := io.ReadAll(io.LimitReader(a.In, credential.MaxFile))
			if err != nil {
				return fmt.Errorf("read the secret: %w", err)
			}
			text := strings.TrimSuffix(string(secret), "\n")
			if text == "" {
				return usage("give the secret on standard input")
			}
			key, err := credential.LoadKey(config.KeyFile("seal"))
			if err != nil {
				return err
			}
			sealer, err := credential.NewSealer(key)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(a.Out, sealer.Seal(credential.NewSecret(text)))
			return err
		},
	}
}

func (a *app) ca() *cobra.Command {
	command := &cobra.Command{
		Use:   "ca",
		Short: "Print the CA that signs this gateway's certificates, and the line with which SSH clients know it",
		Args:  exactly(0),
	}
	onlySSH := command.Flags().Bool("ssh", false, "print only the line for known_hosts")
	jumps := command.Flags().StringSlice("ssh-host", nil, "with the line for known_hosts, also this `PATTERN` of host names, for ssh -J; may be repeated")
	users := command.Flags().Bool("ssh-users", false, "print only the authority that targets trust to let the gateway in (sshd's TrustedUserCAKeys)")
	command.RunE = func(*cobra.Command, []string) error {
		if *onlySSH || *users {
			return a.sshCA(*jumps, *users)
		}
		config, err := a.load()
		if err != nil {
			return err
		}
		if config.TLS.Cert != "" {
			return fmt.Errorf("the certificate in %s was given, so its CA is yours; --ssh prints what SSH clients need", config.TLS.Cert)
		}
		data, err := os.ReadFile(certs.CAFile(config.TLSDir()))
		if errors.Is(err, os.ErrNotExist) {
			return errors.New("there is no CA yet: `sallyport up` makes one when it starts")
		}
		if err != nil {
			return err
		}
		if _, err := a.Out.Write(data); err != nil || config.Listen.SSH == "" {
			return err
		}
		return a.sshCA(*jumps, false) // what reads PEM skips it
	}
	return command
}

func (a *app) doctor() *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Check configuration, data directory, server and targets",
		Args:  exactly(0),
		RunE: func(c *cobra.Command, _ []string) error {
			bad := 0
			check := func(what string, err error) {
				if err != nil {
					bad++
					fmt.Fprintf(a.Out, "bad   %s: %v\n", what, err)
					return
				}
				fmt.Fprintf(a.Out, "good  %s\n", what)
			}
			config, err := a.load()
			check("configuration", err)
			if err != nil {
				return errors.New("there is something to put right")
			}
			check("data directory "+config.DataDir, writable(config.DataDir))
			_, err = config.Files()
			check("resource files", err)
			check("server", a.serverReady(c.Context()))
			if bad > 0 {
				return errors.New("there is something to put right")
			}
			return nil
		},
	}
}

func writable(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".doctor-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(make([]byte, 1<<20))
	return errors.Join(err, f.Sync(), f.Close())
}

func (a *app) serverReady(ctx context.Context) error {
	server, err := a.client()
	if err != nil {
		return err
	}
	return server.Ready(ctx)
}
