package main_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// simpleSAML is a running SimpleSAMLphp, a real SAML identity provider. Users alice and bob, password
// "password"; attributes email and groups.
type simpleSAML struct {
	t      testing.TB
	dir    string
	listen string
	cmd    *exec.Cmd
	log    *lockedBuffer
}

func (s *simpleSAML) metadata() string {
	return "http://" + s.listen + "/simplesaml/saml2/idp/metadata.php?output=xml"
}

// newSimpleSAML writes the configuration; start starts it.
func newSimpleSAML(t testing.TB) *simpleSAML {
	t.Helper()
	const program = "/usr/share/simplesamlphp/www"
	if _, err := os.Stat(program); err != nil {
		t.Fatalf("the SAML tests need Debian's simplesamlphp, which deploy/dependencies.sh installs: %v", err)
	}
	s := &simpleSAML{t: t, dir: t.TempDir(), listen: "127.0.0.1:" + freePort(t), log: new(lockedBuffer)}
	for _, d := range []string{"config", "metadata", "cert", "tmp", "sessions", "www"} {
		if err := os.MkdirAll(filepath.Join(s.dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(program, filepath.Join(s.dir, "www", "simplesaml")); err != nil {
		t.Fatal(err)
	}
	s.certificate()
	fill := strings.NewReplacer("DIR", s.dir, "LISTEN", s.listen)
	for file, text := range map[string]string{
		"config/config.php": samlConfig, "config/authsources.php": samlUsers, "metadata/saml20-idp-hosted.php": samlHosted,
	} {
		write(t, filepath.Join(s.dir, file), "<?php\n"+fill.Replace(text))
	}
	return s
}

const samlConfig = `$config = [
 'baseurlpath' => 'http://LISTEN/simplesaml/', 'certdir' => 'DIR/cert/', 'loggingdir' => 'DIR/tmp/', 'datadir' => 'DIR/tmp/', 'tempdir' => 'DIR/tmp',
 'metadatadir' => 'DIR/metadata', 'secretsalt' => 'a-salt-of-the-tests-alone', 'auth.adminpassword' => 'of-the-tests-alone', 'timezone' => 'UTC',
 'logging.level' => 4, 'logging.handler' => 'file', 'logging.logfile' => 'saml.log', 'enable.saml20-idp' => true,
 'module.enable' => ['exampleauth' => true, 'core' => true, 'saml' => true], 'session.cookie.secure' => false, 'session.cookie.samesite' => null,
 'session.phpsession.savepath' => 'DIR/sessions', 'store.type' => 'phpsession', 'language.default' => 'en', 'theme.use' => 'default',
 'metadata.sources' => [['type' => 'flatfile']], 'trusted.url.domains' => null, 'production' => false, 'authproc.idp' => [],
 'signature.algorithm' => 'http://www.w3.org/2001/04/xmldsig-more#rsa-sha256',
];
`

const samlUsers = `$config = ['userpass' => ['exampleauth:UserPass',
 'alice:password' => ['uid' => ['alice'], 'email' => ['alice@example.com'], 'groups' => ['eng', 'oncall']],
 'bob:password' => ['uid' => ['bob'], 'email' => ['bob@example.com'], 'groups' => ['dba']],
]];
`

const samlHosted = `$metadata['http://LISTEN/idp'] = ['host' => '__DEFAULT__', 'privatekey' => 'idp.pem', 'certificate' => 'idp.crt', 'auth' => 'userpass',
 'saml20.sign.assertion' => true, 'saml20.sign.response' => true, 'signature.algorithm' => 'http://www.w3.org/2001/04/xmldsig-more#rsa-sha256',
 'NameIDFormat' => 'urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress',
 'authproc' => [3 => ['class' => 'saml:AttributeNameID', 'attribute' => 'email', 'Format' => 'urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress']]];
`

// certificate makes the provider's key.
func (s *simpleSAML) certificate() {
	s.t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		s.t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "idp"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		s.t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		s.t.Fatal(err)
	}
	write(s.t, filepath.Join(s.dir, "cert", "idp.crt"), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	write(s.t, filepath.Join(s.dir, "cert", "idp.pem"), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})))
}

// trust tells the provider about a gateway. encrypt is a PEM certificate to encrypt assertions for;
// empty: they are not.
func (s *simpleSAML) trust(base, encrypt string) {
	s.t.Helper()
	extra := ""
	if block, _ := pem.Decode([]byte(encrypt)); block != nil {
		lines := strings.Split(strings.TrimSpace(string(pem.EncodeToMemory(block))), "\n")
		extra = "'assertion.encryption' => true, 'certData' => '" + strings.Join(lines[1:len(lines)-1], "") + "',"
	}
	write(s.t, filepath.Join(s.dir, "metadata", "saml20-sp-remote.php"), "<?php\n$metadata['"+base+"/metadata'] = ['AssertionConsumerService' => '"+base+"/acs', "+
		"'NameIDFormat' => 'urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress', "+extra+"];\n")
}

// start runs it until the test ends.
func (s *simpleSAML) start() {
	s.t.Helper()
	s.cmd = exec.Command("php", "-d", "error_reporting=0", "-d", "display_errors=0", "-d", "opcache.enable=0", "-S", s.listen, "-t", filepath.Join(s.dir, "www"))
	s.cmd.Env = append(os.Environ(), "SIMPLESAMLPHP_CONFIG_DIR="+filepath.Join(s.dir, "config"))
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		_ = s.cmd.Process.Kill() // it may have ended
		_ = s.cmd.Wait()
	})
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		response, err := http.Get(s.metadata())
		if err == nil {
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return
			}
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("the identity provider does not answer: %v\n%s", err, s.log)
		}
	}
}
