package replay

import (
	"net"
	"strconv"
	"strings"
	"time"
)

// ocsfVersion is the version of https://schema.ocsf.io that events follow.
const ocsfVersion = "1.8.0"

// class is an OCSF event class and what happened in it.
type class struct {
	category, uid int
	name          string
	activity      int
	activityName  string
}

var (
	classAssign   = class{3, 3003, "Authorize Session", 1, "Assign Privileges"}
	classLogon    = class{3, 3002, "Authentication", 1, "Logon"}
	classLogoff   = class{3, 3002, "Authentication", 2, "Logoff"}
	classCreate   = class{3, 3004, "Entity Management", 1, "Create"}
	classRead     = class{3, 3004, "Entity Management", 2, "Read"}
	classDelete   = class{3, 3004, "Entity Management", 4, "Delete"}
	classUpdate   = class{3, 3004, "Entity Management", 3, "Update"}
	classApply    = class{3, 3004, "Entity Management", 99, "Apply"} // the fact does not say whether it was there
	classKill     = class{3, 3004, "Entity Management", 99, "Kill"}
	classDatabase = class{6, 6005, "Datastore Activity", 4, "Query"}
)

// classSteer is what somebody does to an open session: Message, Pause, Resume.
func classSteer(action string) class {
	return class{3, 3004, "Entity Management", 99, strings.ToUpper(action[:1]) + action[1:]}
}

// Numbers of OCSF that events use.
const (
	informational = 1
	low           = 2
	medium        = 3

	success = 1
	failed  = 2

	actionUnknown = 0
	actionAllowed = 1
	actionDenied  = 2

	dispositionAllowed = 1
	dispositionBlocked = 2
	dispositionDelayed = 14

	typeUser    = 1
	typeService = 4

	datastoreDatabase = 1
)

// ocsf is the data of an event. Fields are only ever added.
type ocsf struct {
	ActivityID    int           `json:"activity_id"`
	ActivityName  string        `json:"activity_name"`
	CategoryUID   int           `json:"category_uid"`
	ClassUID      int           `json:"class_uid"`
	ClassName     string        `json:"class_name"`
	TypeUID       int           `json:"type_uid"`
	Time          int64         `json:"time"` // milliseconds since 1970
	SeverityID    int           `json:"severity_id"`
	StatusID      int           `json:"status_id,omitempty"`
	StatusCode    string        `json:"status_code,omitempty"`
	StatusDetail  string        `json:"status_detail,omitempty"`
	Message       string        `json:"message,omitempty"`
	Duration      int64         `json:"duration,omitempty"` // milliseconds
	ActionID      *int          `json:"action_id,omitempty"`
	DispositionID int           `json:"disposition_id,omitempty"`
	Policy        *ocsfEntity   `json:"policy,omitempty"`
	Metadata      ocsfMetadata  `json:"metadata"`
	User          *ocsfUser     `json:"user,omitempty"`
	Actor         *ocsfActor    `json:"actor,omitempty"`
	Session       *ocsfSession  `json:"session,omitempty"`
	Privileges    []string      `json:"privileges,omitempty"`
	Service       *ocsfEntity   `json:"service,omitempty"`
	Entity        *ocsfEntity   `json:"entity,omitempty"`
	Comment       string        `json:"comment,omitempty"`
	Database      *ocsfEntity   `json:"database,omitempty"`
	TypeID        int           `json:"type_id,omitempty"`
	QueryInfo     *ocsfQuery    `json:"query_info,omitempty"`
	File          *ocsfFile     `json:"file,omitempty"`
	Device        *ocsfDevice   `json:"device,omitempty"`
	SrcEndpoint   *ocsfEndpoint `json:"src_endpoint,omitempty"`
	DstEndpoint   *ocsfEndpoint `json:"dst_endpoint,omitempty"`
	Unmapped      *unmapped     `json:"unmapped,omitempty"`
}

// unmapped is what OCSF has no place for.
type unmapped struct {
	Protocol       string            `json:"protocol,omitempty"`
	TargetLabels   map[string]string `json:"target_labels,omitempty"`
	UpstreamUser   string            `json:"upstream_user,omitempty"`
	TLS            *bool             `json:"tls,omitempty"`
	Run            string            `json:"run,omitempty"`
	RunAgent       string            `json:"run_agent,omitempty"`
	PromptDigest   string            `json:"prompt_digest,omitempty"`
	RunParent      string            `json:"run_parent,omitempty"`
	RunModel       string            `json:"run_model,omitempty"`
	Traceparent    string            `json:"traceparent,omitempty"`
	Attributes     map[string]string `json:"attributes,omitempty"` // of a run, or of a statement's comment
	Command        uint64            `json:"command,omitempty"`    // number of its entry
	CommandKind    string            `json:"command_kind,omitempty"`
	CommandDigest  string            `json:"command_digest,omitempty"` // keyed
	TextSize       uint64            `json:"text_size,omitempty"`      // more than the query holds: the recording has all of it
	SQL            *SQL              `json:"sql,omitempty"`
	CommandLine    string            `json:"command_line,omitempty"`
	Exec           *Exec             `json:"exec,omitempty"`
	Operation      *Operation        `json:"operation,omitempty"`
	Forward        *Forward          `json:"forward,omitempty"`
	Parent         uint64            `json:"parent,omitempty"` // command that this one is part of
	ObservedBy     string            `json:"observed_by,omitempty"`
	ExitStatus     *int32            `json:"exit_status,omitempty"`
	EndsSession    *bool             `json:"ends_session,omitempty"`
	Reasons        []Reason          `json:"reasons,omitempty"`
	Masks          []string          `json:"masks,omitempty"`
	Revision       string            `json:"revision,omitempty"`
	Tag            string            `json:"tag,omitempty"`
	Rows           *uint64           `json:"rows,omitempty"`
	BytesIn        *uint64           `json:"bytes_in,omitempty"`
	BytesOut       *uint64           `json:"bytes_out,omitempty"`
	Commands       *uint64           `json:"commands,omitempty"`
	Refused        *bool             `json:"refused,omitempty"`
	Suspended      *bool             `json:"suspended,omitempty"`
	Error          *Failure          `json:"error,omitempty"`
	By             string            `json:"by,omitempty"`
	How            string            `json:"how,omitempty"`
	Expires        *time.Time        `json:"expires,omitempty"`
	Targets        []string          `json:"targets,omitempty"`
	Protocols      []string          `json:"protocols,omitempty"`
	Principal      *ocsfUser         `json:"principal,omitempty"`
	Provider       string            `json:"provider,omitempty"`        // of identities
	Method         string            `json:"method,omitempty"`          // of a sign-in
	DecidedBy      []string          `json:"decided_by,omitempty"`      // of an approval: who it is down to
	Decision       string            `json:"decision,omitempty"`        // of a review: approve, deny
	Starter        string            `json:"starter,omitempty"`         // who started the agent
	From           *time.Time        `json:"from,omitempty"`            // of access for a time, to expires
	Role           string            `json:"role,omitempty"`            // whose permissions it gives
	DocumentDigest string            `json:"document_digest,omitempty"` // SHA-256 of the canonical resource
}

type ocsfMetadata struct {
	Version        string      `json:"version"`
	Product        ocsfProduct `json:"product"`
	Profiles       []string    `json:"profiles,omitempty"`
	UID            string      `json:"uid"`
	CorrelationUID string      `json:"correlation_uid,omitempty"`
	LogName        string      `json:"log_name"`
}

type ocsfProduct struct {
	Name       string `json:"name"`
	VendorName string `json:"vendor_name"`
}

type ocsfEntity struct {
	Name    string `json:"name,omitempty"`
	UID     string `json:"uid,omitempty"`
	Type    string `json:"type,omitempty"`
	Version string `json:"version,omitempty"`
}

type ocsfUser struct {
	Name          string      `json:"name"`
	TypeID        int         `json:"type_id"`
	CredentialUID string      `json:"credential_uid,omitempty"`
	Groups        []ocsfGroup `json:"groups,omitempty"`
}

type ocsfGroup struct {
	Name string `json:"name"`
}

type ocsfActor struct {
	User    *ocsfUser    `json:"user"`
	Session *ocsfSession `json:"session,omitempty"`
	AppName string       `json:"app_name,omitempty"`
}

type ocsfSession struct {
	UID         string `json:"uid"`
	CreatedTime int64  `json:"created_time,omitempty"`
}

type ocsfQuery struct {
	UID            string `json:"uid"`
	DatastoreQuery string `json:"datastore_query,omitempty"`
	BytesOut       uint64 `json:"bytes_out,omitempty"`
}

type ocsfEndpoint struct {
	Name    string `json:"name,omitempty"`
	IP      string `json:"ip,omitempty"`
	Port    int    `json:"port,omitempty"`
	SvcName string `json:"svc_name,omitempty"`
}

// endpoint reads host:port; what is neither, such as a unix socket, becomes a name.
func endpoint(address string) *ocsfEndpoint {
	host, port, err := net.SplitHostPort(address)
	if err != nil || net.ParseIP(host) == nil {
		if address == "" {
			address = "unknown"
		}
		return &ocsfEndpoint{Name: address}
	}
	n, _ := strconv.Atoi(port)
	return &ocsfEndpoint{IP: host, Port: n}
}
