package postgres

import (
	"crypto/md5"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"slices"
	"strings"

	"github.com/jackc/pgproto3/v2"

	"sallyport/ingress/internal/scram"
	"sallyport/schemas"
)

// authenticator is the gateway as the target's client, up to ReadyForQuery.
type authenticator struct {
	d     *dialer
	u     *upstream
	scram *scram.Client
	bound bool // the target has proven that it knows the password too
	done  bool // the target let the gateway in
}

// take handles one message; done says that the target is ready.
func (a *authenticator) take(typ byte, body []byte) (ready bool, err error) {
	switch typ {
	case backAuth:
		return false, a.authentication(body)
	case backError:
		return false, startError(body)
	case backNotice:
		a.u.notices = append(a.u.notices, message(nil, backNotice, body))
		return false, nil
	case backNegotiate:
		return false, nil // 3.0 was asked for, which every target speaks
	}
	if !a.done {
		return false, errMessage
	}
	switch typ {
	case backParameter:
		name, value, ok := decodePair(body)
		if !ok {
			return false, errMessage
		}
		a.u.parameters = append(a.u.parameters, parameter{name, value})
	case backKey:
		if len(body) < 8 || len(body) > 4+256 {
			return false, errMessage
		}
		r := reader{b: body}
		a.u.pid, a.u.secret = uint32(r.int32()), r.b
	case backReady:
		return true, nil
	default:
		return false, errMessage
	}
	return false, nil
}

// Authentication requests.
const (
	authOK        = 0
	authCleartext = 3
	authMD5       = 5
	authSASL      = 10
	authContinue  = 11
	authFinal     = 12
)

func (a *authenticator) authentication(body []byte) error {
	r := reader{b: body}
	kind := r.int32()
	if r.bad || a.done {
		return errMessage
	}
	if a.d.channelBinding() == "require" && kind != authSASL && kind != authContinue && kind != authFinal && !a.bound {
		return credentialRefused(errors.New("channel binding is required, but the target does not use it"))
	}
	switch kind {
	case authOK:
		if a.scram != nil && !a.bound {
			return credentialRefused(errors.New("the target ended SCRAM without proof that it knows the password"))
		}
		a.done = true
		return nil
	case authCleartext:
		return a.cleartext()
	case authMD5:
		return a.md5(r.bytes(4))
	case authSASL:
		return a.sasl(r.b)
	case authContinue:
		return a.saslContinue(r.b)
	case authFinal:
		return a.saslFinal(r.b)
	}
	return credentialRefused(errors.New("the target asks for a way of authentication that is not supported"))
}

func (d *dialer) channelBinding() string {
	if d.target.Postgres == nil || d.target.Postgres.ChannelBinding == "" {
		return "prefer"
	}
	return d.target.Postgres.ChannelBinding
}

func (a *authenticator) secret() (string, error) {
	if a.d.password.Empty() {
		return "", credentialRefused(errors.New("the target asks for a password, and none is configured"))
	}
	return a.d.password.Reveal(), nil
}

func (a *authenticator) cleartext() error {
	p, err := a.secret()
	if err != nil {
		return err
	}
	if !a.u.secure && !loopback(a.u.conn.RemoteAddr()) {
		return credentialRefused(errors.New("the target asks for the password in clear on a connection without TLS"))
	}
	return send(a.u.conn, &pgproto3.PasswordMessage{Password: p})
}

func (a *authenticator) md5(salt []byte) error {
	p, err := a.secret()
	if err != nil {
		return err
	}
	if len(salt) != 4 {
		return errMessage
	}
	inner := md5.Sum([]byte(p + a.d.target.Credential.Username))
	outer := md5.Sum(append([]byte(hex.EncodeToString(inner[:])), salt...))
	return send(a.u.conn, &pgproto3.PasswordMessage{Password: "md5" + hex.EncodeToString(outer[:])})
}

func (a *authenticator) sasl(offer []byte) error {
	p, err := a.secret()
	if err != nil {
		return err
	}
	mechanisms := strings.Split(strings.TrimRight(string(offer), "\x00"), "\x00")
	plus := slices.Contains(mechanisms, scram.SHA256Plus)
	if !plus && !slices.Contains(mechanisms, scram.SHA256) || a.scram != nil {
		return credentialRefused(errors.New("the target offers no SASL mechanism that is supported"))
	}
	endPoint := a.u.binding
	if a.d.channelBinding() == "disable" {
		endPoint = nil
	}
	possible := endPoint != nil
	if !plus {
		endPoint = nil
	}
	if a.d.channelBinding() == "require" && endPoint == nil {
		return credentialRefused(errors.New("channel binding is required, but not possible"))
	}
	a.scram = scram.NewClient(p, endPoint, possible)
	return send(a.u.conn, &pgproto3.SASLInitialResponse{AuthMechanism: a.scram.Mechanism(), Data: a.scram.First()})
}

func (a *authenticator) saslContinue(data []byte) error {
	if a.scram == nil {
		return errMessage
	}
	final, err := a.scram.Final(data)
	if err != nil {
		return credentialRefused(err)
	}
	return send(a.u.conn, &pgproto3.SASLResponse{Data: final})
}

func (a *authenticator) saslFinal(data []byte) error {
	if a.scram == nil {
		return errMessage
	}
	if err := a.scram.Verify(data); err != nil {
		return credentialRefused(err)
	}
	a.bound = true
	return nil
}

// peerBinding is the channel binding data of the target's certificate.
func peerBinding(t *tls.Conn) []byte {
	certs := t.ConnectionState().PeerCertificates
	if len(certs) == 0 {
		return nil
	}
	b, ok := scram.EndPoint(certs[0])
	if !ok {
		return nil
	}
	return b
}

func credentialRefused(err error) error {
	return &schemas.Error{Code: schemas.CodeUnavailable, Message: "the gateway could not authenticate to the target",
		Hint: "the operator of the gateway finds the reason in its log", Err: err}
}

// startError is what the client may see of the target's error at the start: nothing of what the
// target says about the gateway's own account.
func startError(body []byte) error {
	f, ok := decodeFailure(body)
	if !ok {
		return errMessage
	}
	switch {
	case strings.HasPrefix(f.Code, "28"):
		return &turnedDown{credentialRefused(errors.New(f.Message)), fatal(f.Code, "the gateway could not authenticate to the target").
			hint("the operator of the gateway finds the reason in its log")}
	case f.Code == "3D000", f.Code == "53300", f.Code == "57P03", f.Code == "57P01", f.Code == "22023", f.Code == "42704":
		return fatal(f.Code, "from the target: "+f.Message)
	}
	return &turnedDown{credentialRefused(errors.New(f.Message)), fatal("08004", "the target refused the connection").
		hint("the operator of the gateway finds the reason in its log")}
}

// turnedDown carries the cause for the log and a refusal for the client.
type turnedDown struct {
	cause error
	*refusal
}

func (t *turnedDown) Error() string   { return t.cause.Error() }
func (t *turnedDown) Unwrap() []error { return []error{t.refusal, t.cause} }
