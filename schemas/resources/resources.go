package resources

import (
	"sallyport/schemas"
	"time"
)

// APIVersion is the only version there is.
const APIVersion = "sallyport/v1"

// Kind is the kind of a resource.
type Kind string

// Kinds.
const (
	KindTarget Kind = "Target"
	KindRole   Kind = "Role"
	KindPolicy Kind = "Policy"
	KindMask   Kind = "Mask"
)

// Resource is one document. Exactly one of the specs is set, the one of Kind.
type Resource struct {
	Kind     Kind
	Metadata Metadata
	Target   *Target
	Role     *Role
	Policy   *Policy
	Mask     *Mask
}

// Metadata names a resource.
type Metadata struct {
	Name   string            `json:"name"`
	Labels map[string]string `json:"labels,omitempty"`
}

// Target is spec of a Target: what is protected.
type Target struct {
	Protocol   string     `json:"protocol"`
	Address    string     `json:"address"` // host:port, or the path of a unix socket directory followed by :port
	Credential Credential `json:"credential"`
	TLS        *TLS       `json:"tls,omitempty"`
	Unparsed   string     `json:"unparsed,omitempty"` // deny (default), hold, allow
	Strict     bool       `json:"strict,omitempty"`   // output is acknowledged by the log before delivery
	Postgres   *Postgres  `json:"postgres,omitempty"`
}

// Credential is what the gateway presents to the target.
type Credential struct {
	Username string     `json:"username"`
	Password *SecretRef `json:"password,omitempty"`
}

// SecretRef points to a secret. Exactly one field is set.
type SecretRef struct {
	Env    string `json:"env,omitempty"`    // environment variable of the gateway
	File   string `json:"file,omitempty"`   // file; one trailing newline is not part of the secret
	Sealed string `json:"sealed,omitempty"` // sealed with the key in the data directory
}

// TLS is how the gateway secures its connection to the target, as libpq's sslmode.
type TLS struct {
	Mode       string `json:"mode,omitempty"`       // disable, allow, prefer (default), require, verify-ca, verify-full
	CA         string `json:"ca,omitempty"`         // file of PEM certificates
	ServerName string `json:"serverName,omitempty"` // name in the certificate, when it is not the address's
}

// Postgres is what only PostgreSQL targets have.
type Postgres struct {
	Database       string   `json:"database,omitempty"`       // what the client gets when it names no other
	Databases      []string `json:"databases,omitempty"`      // others that a client may name; "*": any
	ChannelBinding string   `json:"channelBinding,omitempty"` // disable, prefer (default), require
}

// Role is spec of a Role: who may do what where.
type Role struct {
	Members Members  `json:"members"`
	Targets Selector `json:"targets"`
	Can     []string `json:"can,omitempty"` // connect (the default), replay, watch, review, kill, admin
}

// Members selects principals; any match suffices.
type Members struct {
	Groups []string `json:"groups,omitempty"`
	Users  []string `json:"users,omitempty"`
	Agents []string `json:"agents,omitempty"`
}

// Selector selects targets by name or by labels (all of them must match). An empty selector selects nothing.
type Selector struct {
	Names  []string          `json:"names,omitempty"` // "*": every target
	Labels map[string]string `json:"labels,omitempty"`
}

// Policy is spec of a Policy.
type Policy struct {
	Targets  Selector  `json:"targets"`
	When     string    `json:"when"`    // CEL; see the enforcer's documentation for what it sees
	Verdict  string    `json:"verdict"` // allow, deny, hold
	Approval *Approval `json:"approval,omitempty"`
	Message  string    `json:"message,omitempty"`
}

// Approval says whose consent a hold needs.
type Approval struct {
	Any     []Reviewers `json:"any,omitempty"`
	All     []Reviewers `json:"all,omitempty"`
	Expires Duration    `json:"expires,omitempty"`
}

// Reviewers is a number of people out of groups.
type Reviewers struct {
	Groups []string `json:"groups"`
	Count  int      `json:"count"`
}

// Mask is spec of a Mask.
type Mask struct {
	Targets Selector `json:"targets"`
	Columns []string `json:"columns,omitempty"`
	Detect  []string `json:"detect,omitempty"`
	With    string   `json:"with,omitempty"` // redact (default), partial, hash, null
	Except  *Members `json:"except,omitempty"`
}

// Duration is written as Go writes it: "15m".
type Duration time.Duration

// Revision returns a digest over rs, whatever their order.
func Revision(rs []*Resource) schemas.Revision { panic("not built yet") }
