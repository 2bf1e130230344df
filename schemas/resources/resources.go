package resources

import (
	"fmt"
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

// Kinds returns every kind.
func Kinds() []Kind { return []Kind{KindTarget, KindRole, KindPolicy, KindMask} }

// Values of enumerated fields.
const (
	VerdictAllow = "allow"
	VerdictDeny  = "deny"
	VerdictHold  = "hold"

	PermissionConnect = "connect"
	PermissionReplay  = "replay"
	PermissionWatch   = "watch"
	PermissionReview  = "review"
	PermissionKill    = "kill"
	PermissionAdmin   = "admin"

	ProtocolPostgres = "postgres"
	ProtocolSSH      = "ssh"

	// Any selects every target, member or database.
	Any = "*"
)

// Resource is one document. Exactly one of the specs is set, the one of Kind.
type Resource struct {
	Kind     Kind
	Metadata Metadata
	Target   *Target
	Role     *Role
	Policy   *Policy
	Mask     *Mask
	Source   *Source // where Load found it; nil when it did not come from a file
}

// ID names a resource among all: "Policy/hold-destructive-sql".
func (r *Resource) ID() string { return string(r.Kind) + "/" + r.Metadata.Name }

// Metadata names a resource.
type Metadata struct {
	Name   string            `json:"name" schema:"required,name" doc:"unique among the resources of its kind"`
	Labels map[string]string `json:"labels,omitempty" doc:"what selectors match"`
}

// Target is spec of a Target: what is protected.
type Target struct {
	Protocol      string     `json:"protocol" schema:"required,enum=postgres|ssh" doc:"what the target speaks"`
	Address       string     `json:"address" schema:"required" doc:"host:port, or the path of a unix socket directory followed by :port"`
	Credential    Credential `json:"credential" schema:"required" doc:"what the gateway presents to the target"`
	TLS           *TLS       `json:"tls,omitempty" doc:"how the gateway secures its connection to the target"`
	Unparsed      string     `json:"unparsed,omitempty" schema:"enum=deny|hold|allow" doc:"what happens to a command that cannot be parsed, or runs something that cannot be seen, when no policy speaks; deny by default"`
	Strict        bool       `json:"strict,omitempty" doc:"output is acknowledged by the log before it is delivered"`
	NotifyWatched bool       `json:"notifyWatched,omitempty" doc:"the person at the client is told who begins to look at a session while it is open"`
	Postgres      *Postgres  `json:"postgres,omitempty" doc:"what only PostgreSQL targets have"`
	SSH           *SSH       `json:"ssh,omitempty" doc:"what only SSH targets have"`
}

// Credential is what the gateway presents to the target.
type Credential struct {
	Username string     `json:"username" schema:"required" doc:"account on the target"`
	Password *SecretRef `json:"password,omitempty" doc:"where its password is"`
	Key      *SecretRef `json:"key,omitempty" doc:"ssh: where its private key is, in OpenSSH's or PEM form, without a passphrase"`
	// Certificate asks for a new key and certificate for each session.
	Certificate bool `json:"certificate,omitempty" doc:"ssh: the gateway's user authority signs a new key for each session; the target trusts what sallyport ca --ssh-users prints"`
}

// SecretRef points to a secret. Exactly one field is set.
type SecretRef struct {
	Env    string `json:"env,omitempty" doc:"environment variable of the gateway"`
	File   string `json:"file,omitempty" doc:"file that holds it; one trailing newline is not part of the secret"`
	Sealed string `json:"sealed,omitempty" doc:"sealed with the key in the data directory"`
}

// TLS is how the gateway secures its connection to the target, as libpq's sslmode.
type TLS struct {
	Mode       string `json:"mode,omitempty" schema:"enum=disable|allow|prefer|require|verify-ca|verify-full" doc:"as libpq's sslmode; prefer by default"`
	CA         string `json:"ca,omitempty" doc:"file of PEM certificates"`
	ServerName string `json:"serverName,omitempty" doc:"name in the certificate, when it is not the address's"`
}

// Postgres is what only PostgreSQL targets have.
type Postgres struct {
	Database       string   `json:"database,omitempty" doc:"what the client gets when it names no other"`
	Databases      []string `json:"databases,omitempty" doc:"others that a client may name; *: any"`
	ChannelBinding string   `json:"channelBinding,omitempty" schema:"enum=disable|prefer|require" doc:"as libpq's channel_binding; prefer by default"`
	// Estimate is another account than Credential, so that what asks the planner cannot write.
	Estimate *Credential `json:"estimate,omitempty" doc:"account that may only read, under which the planner is asked how many rows a held statement would return or change; without it, nobody is asked"`
}

// Role is spec of a Role: who may do what where.
type Role struct {
	Members Members  `json:"members" schema:"required" doc:"who"`
	Targets Selector `json:"targets" schema:"required" doc:"where"`
	Can     []string `json:"can,omitempty" schema:"enum=connect|replay|watch|review|kill|admin" doc:"what; connect by default"`
	// Request makes it a role that nobody has: its members ask for it, for a time.
	Request *Request `json:"request,omitempty" doc:"members do not have the role: they ask for it, for a time"`
}

// Permissions returns what the role grants.
func (r *Role) Permissions() []string {
	if len(r.Can) == 0 {
		return []string{PermissionConnect}
	}
	return r.Can
}

// Members selects principals; any match suffices.
type Members struct {
	Groups []string `json:"groups,omitempty" doc:"groups of users and agents; *: everybody"`
	Users  []string `json:"users,omitempty" doc:"names of users; *: every user"`
	Agents []string `json:"agents,omitempty" doc:"names of agents; *: every agent"`
}

// Selector selects targets by name or by labels (all of them must match); either suffices. An
// empty selector selects nothing.
type Selector struct {
	Names  []string          `json:"names,omitempty" doc:"names of targets; *: every target"`
	Labels map[string]string `json:"labels,omitempty" doc:"labels that a target must all have; the value *: any value"`
}

// Policy is spec of a Policy.
type Policy struct {
	Targets  Selector  `json:"targets" schema:"required" doc:"targets whose commands it judges"`
	When     string    `json:"when" schema:"required" doc:"CEL expression over the command, the principal, the run and the target; true: always"`
	Verdict  string    `json:"verdict" schema:"required,enum=allow|deny|hold" doc:"what happens then"`
	Approval *Approval `json:"approval,omitempty" doc:"hold: whose consent it needs; without it, one person who may review the target"`
	Message  string    `json:"message,omitempty" doc:"what the person at the client reads"`
}

// Mask is spec of a Mask.
type Mask struct {
	Targets Selector `json:"targets" schema:"required" doc:"targets whose results are masked"`
	Columns []string `json:"columns,omitempty" doc:"column, table.column or schema.table.column; * stands for any one name"`
	Detect  []string `json:"detect,omitempty" schema:"enum=credit-card|email|phone|iban|national-id|private-key|jwt|cloud-key|secret|external" doc:"values that are masked wherever they are"`
	With    string   `json:"with,omitempty" schema:"enum=redact|partial|hash|null" doc:"what they become; redact by default"`
	Keep    int      `json:"keep,omitempty" schema:"min=1" doc:"partial: how many characters are left at the end; 4 by default"`
	// Predicates is about conditions on a masked column: they let a value be guessed piece by piece.
	Predicates string   `json:"predicates,omitempty" schema:"enum=allow|deny|hold" doc:"what happens to a command that filters, joins, groups or sorts by a masked column; allow by default"`
	Except     *Members `json:"except,omitempty" doc:"who sees them; recordings hold the masked form all the same"`
}

// Duration is written as Go writes it: "15m".
type Duration time.Duration

func (d Duration) String() string { return time.Duration(d).String() }

// MarshalText writes d as Go does.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what MarshalText writes; a duration is more than zero.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err != nil || v <= 0 {
		return fmt.Errorf("%q is not a duration such as 90s, 15m or 12h", text)
	}
	*d = Duration(v)
	return nil
}
