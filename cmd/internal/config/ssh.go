package config

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"slices"
	"time"
)

// SSH is what only the SSH gateway has.
type SSH struct {
	Hosts           []string      `yaml:"hosts" doc:"Names by which clients know the gateway, for its host certificate and the line that sallyport ca prints. This machine's own are always among them."`
	Authentication  time.Duration `yaml:"authentication" doc:"Time a client has from connecting to being authenticated: people type, and sign in with a browser."`
	KeepAlive       time.Duration `yaml:"keep_alive" doc:"Between signs of life that clients and targets are asked for."`
	KeepAliveMissed int           `yaml:"keep_alive_missed" doc:"Signs of life without an answer after which a client or a target is taken for gone."`
	Channels        int           `yaml:"channels" doc:"Channels (shells, commands, forwarded connections) that one connection may have at once."`
	Listeners       int           `yaml:"listeners" doc:"Remote forwards (ssh -R) that one session may have."`
	HeldInput       int           `yaml:"held_input" doc:"Bytes that a client may send ahead while its command waits for approval."`
	FinalNotice     time.Duration `yaml:"final_notice" doc:"Time to tell a client why its session ends."`
	FirstChannel    time.Duration `yaml:"first_channel" doc:"Time that a client whose session is refused has to ask for something, and be told why."`
	MaskRest        time.Duration `yaml:"mask_rest" doc:"How long a target's output rests before what masks hold back of it, the last word or number, is given out: somebody waits for the echo of a key. A value that arrives in pieces further apart is not found whole."`
}

func defaultSSH() SSH {
	return SSH{Authentication: 2 * time.Minute, KeepAlive: 30 * time.Second, KeepAliveMissed: 4, Channels: 128, Listeners: 16,
		HeldInput: 1 << 20, FinalNotice: time.Second, FirstChannel: 10 * time.Second, MaskRest: 50 * time.Millisecond}
}

func (s SSH) check() []error {
	var errs []error
	for name, d := range map[string]time.Duration{"authentication": s.Authentication, "keep_alive": s.KeepAlive,
		"final_notice": s.FinalNotice, "first_channel": s.FirstChannel, "mask_rest": s.MaskRest} {
		if d <= 0 {
			errs = append(errs, fmt.Errorf("ssh.%s: must be above zero", name))
		}
	}
	for name, n := range map[string]int{"keep_alive_missed": s.KeepAliveMissed, "channels": s.Channels, "listeners": s.Listeners, "held_input": s.HeldInput} {
		if n <= 0 {
			errs = append(errs, fmt.Errorf("ssh.%s: must be above zero", name))
		}
	}
	for _, h := range s.Hosts {
		if h == "" {
			errs = append(errs, errors.New("ssh.hosts: a name is empty"))
		}
	}
	return errs
}

// SSHHosts are the names by which clients know the SSH gateway.
func (c *Config) SSHHosts() []string {
	hosts := []string{"localhost", "127.0.0.1", "::1"}
	if name, err := os.Hostname(); err == nil {
		hosts = append(hosts, name)
	}
	if host, _, err := net.SplitHostPort(c.Listen.SSH); err == nil && host != "" && !net.ParseIP(host).IsUnspecified() {
		hosts = append(hosts, host)
	}
	if u, err := url.Parse(c.PublicURL); err == nil && u.Hostname() != "" {
		hosts = append(hosts, u.Hostname())
	}
	hosts = append(hosts, c.SSH.Hosts...)
	slices.Sort(hosts)
	return slices.Compact(hosts)
}
