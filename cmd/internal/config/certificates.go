package config

import (
	"errors"
	"fmt"
)

// Certificates is an authority that issues client certificates.
type Certificates struct {
	Name  string            `yaml:"name" doc:"In facts and events; of lower-case letters, digits and hyphens."`
	CA    string            `yaml:"ca" doc:"File of its PEM certificates. It is read again when it changes: certificates of an authority that is no longer in it are refused, and what rests on them ends."`
	CRL   string            `yaml:"crl" doc:"File of its revocation lists, PEM or DER, read again when it changes. With it, a certificate is refused unless every issuer on its way has a current list there, and it is on none."`
	Rules []CertificateRule `yaml:"rules" doc:"Whose its certificates are; the first that matches counts, and what none matches is refused."`
}

// CertificateRule says whose a certificate is.
type CertificateRule struct {
	URI       string   `yaml:"uri" doc:"Pattern of a URI among its names, such as a SPIFFE ID: {word} stands for what is between two slashes, * for any text. One of uri, dns, email and cn."`
	DNS       string   `yaml:"dns" doc:"Pattern of a DNS name; {word} stands for what is between two dots."`
	Email     string   `yaml:"email" doc:"Pattern of an e-mail address; {word} stands for what is on one side of the @."`
	CN        string   `yaml:"cn" doc:"Pattern of the subject's common name; {word} stands for any text. It does not hold below a certificate with name constraints, as those do not speak of common names."`
	User      string   `yaml:"user" doc:"Name of the user that it proves; {word} stands for what it stood for. One of user and agent."`
	Agent     string   `yaml:"agent" doc:"Name of the agent that it proves."`
	Groups    []string `yaml:"groups" doc:"Its groups."`
	Targets   []string `yaml:"targets" doc:"What it may be used for; every target that roles allow by default."`
	Protocols []string `yaml:"protocols" doc:"What it may be used with: postgres, api; all by default."`
}

func (c *Certificates) finish(path func(string) string) error {
	c.CA, c.CRL = path(c.CA), path(c.CRL)
	switch {
	case !providerName.MatchString(c.Name):
		return fmt.Errorf("name %q must be of lower-case letters, digits and hyphens", c.Name)
	case c.CA == "":
		return errors.New("ca is missing")
	}
	return nil
}
