package api

import (
	"net/http"
	"strings"

	"golang.org/x/crypto/ssh"

	"sallyport/schemas/resources"
)

// SSHGateway is what a client needs besides its certificate: where the SSH gateway is, and how to know it.
type SSHGateway struct {
	Port      int      `json:"port"`
	Hosts     []string `json:"hosts"`     // names by which it is known
	Authority string   `json:"authority"` // public key that certifies its host keys: type and base64
	Targets   []string `json:"targets"`   // SSH targets that the sender reaches, by name
}

// gateway describes the SSH gateway to the sender of a request; nil: there is none.
func (s SSH) gateway(r *http.Request) (*SSHGateway, error) {
	if s.Port == 0 {
		return nil, nil
	}
	reached, all, err := s.Access.Allowed(r.Context(), "connect")
	if err != nil {
		return nil, err
	}
	may := make(map[string]bool, len(reached))
	for _, name := range reached {
		may[name] = true
	}
	authority := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(s.Authority.HostAuthority())))
	g := &SSHGateway{Port: s.Port, Hosts: s.Hosts, Authority: authority, Targets: []string{}}
	for _, t := range s.Registry.Snapshot().All(resources.KindTarget) {
		if t.Target.Protocol == resources.ProtocolSSH && (all || may[t.Metadata.Name]) {
			g.Targets = append(g.Targets, t.Metadata.Name)
		}
	}
	return g, nil
}
