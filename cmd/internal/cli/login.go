package cli

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/spf13/cobra"
	"golang.org/x/oauth2/clientcredentials"

	"sallyport/cmd/internal/api"
	"sallyport/cmd/internal/certs"
	"sallyport/cmd/internal/client"
	"sallyport/cmd/internal/signin"
)

// loginFlags are how to sign in.
type loginFlags struct {
	device       bool
	workload     string
	issuer       string
	clientID     string
	clientSecret string
	scopes       []string
	print        bool
	agent        bool
}

func (a *app) loginCommands() []*cobra.Command {
	var f loginFlags
	login := &cobra.Command{
		Use:   "login",
		Short: "Sign in, and keep a short-lived token for psql and this command, and a certificate for ssh",
		Args:  exactly(0),
		RunE:  func(c *cobra.Command, _ []string) error { return a.login(c.Context(), f) },
	}
	flags := login.Flags()
	flags.BoolVar(&f.device, "device", false, "sign in with a browser on another machine")
	flags.StringVar(&f.workload, "workload-token-file", "", "a machine: exchange the token in `FILE` (-: standard input) by the rules under identity.workloads")
	flags.StringVar(&f.issuer, "issuer", "", "a machine: get a token for client credentials from the OpenID provider at `URL`, and exchange that")
	flags.StringVar(&f.clientID, "client-id", "", "with --issuer: `ID` of the client")
	flags.StringVar(&f.clientSecret, "client-secret-file", "", "with --issuer: `FILE` with the client's secret")
	flags.StringSliceVar(&f.scopes, "scope", nil, "with --issuer: `SCOPE` to ask for; may be repeated")
	flags.BoolVar(&f.agent, "ssh-agent", true, "hand the SSH certificate to the SSH agent, too, if there is one")
	flags.BoolVar(&f.print, "print-token", false, "print the token and keep nothing")
	return []*cobra.Command{login}
}

func (a *app) login(ctx context.Context, f loginFlags) error {
	where, err := a.gatewayURL()
	if err != nil {
		return err
	}
	pem, authorities, err := a.trust(where)
	if err != nil {
		return err
	}
	gateway, err := signin.New(signin.Config{URL: where, HTTP: &http.Client{Transport: certs.Transport(authorities), Timeout: 30 * time.Second}})
	if err != nil {
		return err
	}
	answer, err := a.signInBy(ctx, gateway, f)
	if err != nil {
		return fmt.Errorf("sign in: %w", err)
	}
	if f.print {
		_, err := fmt.Fprintln(a.Out, answer.AccessToken)
		return err
	}
	kept, err := signin.Save(where, answer, pem, time.Now())
	if err != nil {
		return err
	}
	a.tell(kept)
	if err := a.loginSSH(ctx, client.Config{URL: kept.URL, Token: answer.AccessToken, Authorities: authorities}, f.agent); err != nil { // who signed in is signed in
		fmt.Fprintf(a.Err, "sallyport: there is no certificate for ssh: %v\n", err)
	}
	return nil
}

// gatewayURL is where the web listener is reached: --url, else what the configuration says.
func (a *app) gatewayURL() (string, error) {
	if a.url != "" {
		return strings.TrimSuffix(a.url, "/"), nil
	}
	c, err := a.load()
	if err != nil {
		return "", err
	}
	if c.PublicURL != "" {
		return c.PublicURL, nil
	}
	host, _, err := net.SplitHostPort(c.Listen.Web)
	if err != nil {
		return "", usage("the configuration has no listen.web: say --url")
	}
	if ip := net.ParseIP(host); !c.TLS.Loopback && (host == "localhost" || ip != nil && ip.IsLoopback()) {
		return "http://" + c.Listen.Web, nil
	}
	return "https://" + c.Listen.Web, nil
}

func (a *app) signInBy(ctx context.Context, g *signin.Gateway, f loginFlags) (*api.TokenAnswer, error) {
	switch {
	case f.workload != "":
		jwt, err := a.read(f.workload)
		if err != nil {
			return nil, err
		}
		return g.Exchange(ctx, string(jwt))
	case f.issuer != "":
		jwt, err := a.clientToken(ctx, f)
		if err != nil {
			return nil, err
		}
		return g.Exchange(ctx, jwt)
	case f.device:
		host, _ := os.Hostname() // it is shown to the person, and may be empty
		return g.Device(ctx, host, func(d api.DeviceAnswer) {
			fmt.Fprintf(a.Err, "Open %s in a browser and enter the code %s\n(or open %s)\n", d.Where, d.UserCode, d.Complete)
		})
	}
	return g.Browser(ctx, func(where string) {
		fmt.Fprintf(a.Err, "Continue in the browser. If none opens, go to\n%s\n(without a browser on this machine: sallyport login --device)\n", where)
		browse(where, a.Env("BROWSER"))
	})
}

// clientToken gets a token for a machine's client credentials: RFC 6749 section 4.4.
func (a *app) clientToken(ctx context.Context, f loginFlags) (string, error) {
	secret, err := a.read(f.clientSecret)
	if err != nil {
		return "", err
	}
	provider, err := oidc.NewProvider(ctx, f.issuer)
	if err != nil {
		return "", fmt.Errorf("reach the provider: %w", err)
	}
	c := clientcredentials.Config{
		ClientID: f.clientID, ClientSecret: strings.TrimSpace(string(secret)), TokenURL: provider.Endpoint().TokenURL, Scopes: f.scopes,
	}
	token, err := c.Token(ctx)
	if err != nil {
		return "", fmt.Errorf("client credentials: %w", err)
	}
	return token.AccessToken, nil
}

// browse opens a browser, if it can: where to go was said, too.
func browse(where, preferred string) {
	command := preferred
	switch {
	case command != "":
	case runtime.GOOS == "darwin":
		command = "open"
	default:
		command = "xdg-open"
	}
	c := exec.Command(command, where)
	if c.Start() == nil {
		go func() { _ = c.Wait() }() // how it ended says nothing
	}
}

// tell says what to do with the token.
func (a *app) tell(k *signin.Kept) {
	host := "localhost"
	if u, err := url.Parse(k.URL); err == nil {
		host = u.Hostname()
	}
	fmt.Fprintf(a.Out, `%s is signed in until %s (groups: %s).
The token is in %s; only you can read it.

  psql "host=%s port=7432 user=%s dbname=TARGET passfile=%s"
  PGPASSWORD="$(cat %s)" any-postgres-client …
  sallyport --url %s sessions
`, k.Name, k.Expires.Local().Format("2006-01-02 15:04"), strings.Join(k.Groups, ", "), k.Token, host, k.Name, k.Passfile, k.Token, k.URL)
}

// remote is the client for --url: with the token in SALLYPORT_TOKEN, else the one that login kept.
func (a *app) remote() (*client.Client, error) {
	token := a.Env("SALLYPORT_TOKEN")
	if token == "" {
		var err error
		if token, err = signin.Load(a.url, time.Now()); err != nil {
			return nil, err
		}
	}
	_, authorities, err := a.trust(a.url)
	if err != nil {
		return nil, err
	}
	return client.New(client.Config{URL: a.url, Token: token, Authorities: authorities})
}
