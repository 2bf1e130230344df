package replay

import (
	"cmp"
	"encoding/json"
	"fmt"
	"time"

	"sallyport/schemas"
)

// Event is a public event in the making.
type event struct {
	id       string // stable under rebuild: it names the entry, not when it was projected
	area     string
	what     string
	protocol string
	target   string
	about    string // subject of the CloudEvent: the session, else the entity
	at       time.Time
	log      schemas.Stream
	class    class
	data     ocsf
}

// cloudEvent is CloudEvents 1.0 in its JSON form. What is stored has no `sequence`: that is the
// sequence on EVENTS, which readers get.
type cloudEvent struct {
	SpecVersion     string    `json:"specversion"`
	ID              string    `json:"id"`
	Source          string    `json:"source"`
	Type            string    `json:"type"`
	Subject         string    `json:"subject"`
	Time            time.Time `json:"time"`
	DataContentType string    `json:"datacontenttype"`
	DataSchema      string    `json:"dataschema"`
	Data            *ocsf     `json:"data"`
}

func (e *event) subject() schemas.Subject {
	return schemas.EventSubject(e.area, e.what, e.protocol, e.target)
}

func (e *event) kind() string { return "sallyport." + e.area + "." + e.what + ".v1" }

// encode returns the event as it is stored: the same bytes from the same entry, always.
func (e *event) encode(source string) ([]byte, error) {
	d := e.data
	d.ActivityID, d.ActivityName = e.class.activity, e.class.activityName
	d.CategoryUID, d.ClassUID, d.ClassName = e.class.category, e.class.uid, e.class.name
	d.TypeUID = e.class.uid*100 + e.class.activity
	d.Time = e.at.UnixMilli()
	d.Metadata = ocsfMetadata{
		Version: ocsfVersion, Product: ocsfProduct{Name: "Sallyport", VendorName: "Sallyport"},
		Profiles: d.Metadata.Profiles, UID: e.id, CorrelationUID: d.Metadata.CorrelationUID, LogName: string(e.log),
	}
	if d.SeverityID == 0 {
		d.SeverityID = informational
	}
	data, err := json.Marshal(cloudEvent{
		SpecVersion: "1.0", ID: e.id, Source: source, Type: e.kind(), Subject: e.about, Time: e.at,
		DataContentType: "application/json", DataSchema: "urn:" + "sallyport:event:" + e.area + "." + e.what + ".v1", Data: &d,
	})
	if err != nil {
		return nil, fmt.Errorf("encode event %s: %w", e.id, err)
	}
	return data, nil
}

// known stands in for a name that is not there, where OCSF or CloudEvents want one.
func known(name string) string { return cmp.Or(name, "unknown") }

func user(p *schemas.Principal) *ocsfUser {
	u := &ocsfUser{Name: known(p.GetName()), TypeID: typeUser, CredentialUID: p.GetTokenId()}
	if p.GetKind() == schemas.PrincipalKind_PRINCIPAL_KIND_AGENT {
		u.TypeID = typeService
	}
	for _, g := range p.GetGroups() {
		u.Groups = append(u.Groups, ocsfGroup{Name: g})
	}
	return u
}
