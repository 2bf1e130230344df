package cli

import (
	"context"
	"fmt"

	"sallyport/cmd/internal/api"
	"sallyport/cmd/internal/client"
	"sallyport/cmd/internal/signin"
)

// loginSSH gets a certificate for ssh, where there is an SSH gateway.
func (a *app) loginSSH(ctx context.Context, at client.Config, withAgent bool) error {
	server, err := client.New(at)
	if err != nil {
		return err
	}
	private, c, err := newCertificate(func(public []byte) (*api.Certificate, error) { return certifyAt(ctx, server, public, 0) })
	if err != nil {
		return err
	}
	if c.Gateway == nil {
		return nil
	}
	files, err := signin.SaveSSH(at.URL, private, c)
	if err != nil {
		return err
	}
	fmt.Fprintf(a.Out, `
For ssh, a certificate until %s. With the line
  Include "%s"
at the top of ~/.ssh/config (or with ssh -F on that file), these reach TARGET:

  ssh TARGET
  ssh -p %s %s+TARGET@%s
`, c.Expires.Local().Format("2006-01-02 15:04"), files.Config, files.Port, files.User, files.Host)
	socket := a.Env("SSH_AUTH_SOCK")
	if !withAgent || socket == "" {
		return nil
	}
	if err := toAgent(socket, private, c); err != nil {
		fmt.Fprintf(a.Err, "sallyport: %v\n", err) // the files do as well
		return nil
	}
	_, err = fmt.Fprintln(a.Out, "\nThe SSH agent has it, too.")
	return err
}
