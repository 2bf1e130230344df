package ssh_test

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	xssh "golang.org/x/crypto/ssh"

	"sallyport/ingress/ssh"
	"sallyport/schemas/resources"
)

// offer is a KEXINIT: RFC 4253 section 7.1.
type offer struct {
	Cookie                  [16]byte `sshtype:"20"`
	KeyExchanges            []string
	HostKeys                []string
	CiphersOut, CiphersIn   []string
	MACsOut, MACsIn         []string
	CompressOut, CompressIn []string
	LanguageOut, LanguageIn []string
	FirstFollows            bool
	Reserved                uint32
}

// readOffer reads what a peer offers, unencrypted as it is: a version line, and one packet.
func readOffer(t testing.TB, c net.Conn) (io.Reader, *offer) {
	t.Helper()
	_ = c.SetDeadline(time.Now().Add(60 * time.Second))
	if _, err := io.WriteString(c, "SSH-2.0-test\r\n"); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(c)
	if line, err := r.ReadString('\n'); err != nil || !strings.HasPrefix(line, "SSH-2.0-") {
		t.Fatalf("%q, %v", line, err)
	}
	packet, err := readPlain(r)
	if err != nil {
		t.Fatal(err)
	}
	o := new(offer)
	if err := xssh.Unmarshal(packet, o); err != nil {
		t.Fatal(err)
	}
	return r, o
}

// judge holds that an offer has the marker of strict key exchange, which closes Terrapin (CVE-2023-48795), and nothing that
// Terrapin or older attacks need: neither ChaCha20-Poly1305 nor CBC with encrypt-then-MAC, no SHA-1, no short groups.
func (o *offer) judge(t testing.TB, marker string) {
	t.Helper()
	if !slices.Contains(o.KeyExchanges, marker) {
		t.Errorf("there is no %s in %v", marker, o.KeyExchanges)
	}
	all := slices.Concat(o.KeyExchanges, o.HostKeys, o.CiphersOut, o.CiphersIn, o.MACsOut, o.MACsIn)
	for _, name := range all {
		for _, weak := range []string{"chacha20", "-cbc", "sha1", "md5", "arcfour", "3des", "none", "ssh-dss", "-96"} {
			if strings.Contains(name, weak) || name == "ssh-rsa" {
				t.Errorf("%s is offered", name)
			}
		}
	}
	if len(o.CiphersIn) == 0 || len(o.KeyExchanges) < 2 || !slices.Equal(o.CompressIn, []string{"none"}) {
		t.Errorf("the offer is %+v", o)
	}
}

// What the gateway offers clients.
func TestOfferToClients(t *testing.T) {
	g := start(t, options{})
	c, err := net.Dial("tcp", g.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, o := readOffer(t, c)
	o.judge(t, "kex-strict-s-v00@openssh.com")
}

// What it offers targets.
func TestOfferToTargets(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	g := start(t, options{target: func(r *resources.Target) { r.Address = l.Addr().String() }})
	client, err := g.dial(t, alice+"+web1")
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, o := readOffer(t, c)
	o.judge(t, "kex-strict-c-v00@openssh.com")
}

// A peer that begins with strict key exchange and then slips in a message that does not belong there, as Terrapin's attacker
// does, is cut off. One that does not begin so may send such a message: that is what the marker changes.
func TestMessageInStrictKeyExchange(t *testing.T) {
	g := start(t, options{config: func(c *ssh.Config) { c.Limits.Authentication = time.Hour }})
	for _, strict := range []bool{true, false} {
		c, err := net.Dial("tcp", g.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		r, o := readOffer(t, c)
		o.KeyExchanges = []string{xssh.KeyExchangeCurve25519}
		if strict {
			o.KeyExchanges = append(o.KeyExchanges, "kex-strict-c-v00@openssh.com")
		}
		ignore := xssh.Marshal(struct {
			Data string `sshtype:"2"` // SSH_MSG_IGNORE
		}{"slipped in"})
		begin := xssh.Marshal(struct {
			Key []byte `sshtype:"30"` // SSH_MSG_KEX_ECDH_INIT: RFC 8731
		}{[]byte("any thirty-two bytes are a point")})
		for _, payload := range [][]byte{xssh.Marshal(o), ignore, begin} {
			if _, err := c.Write(plain(payload)); err != nil {
				break // it was cut off already
			}
		}
		answer, err := readPlain(r)
		if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() {
			t.Errorf("strict %v: no answer", strict)
		}
		if answered := err == nil && answer[0] == 31; answered == strict {
			t.Errorf("strict %v: the key exchange went on: %v (%v)", strict, answered, err)
		}
	}
}

// plain is a packet before there are keys: RFC 4253 section 6.
func plain(payload []byte) []byte {
	padding := 16 - (5+len(payload))%8
	packet := binary.BigEndian.AppendUint32(nil, uint32(1+len(payload)+padding))
	return append(append(append(packet, byte(padding)), payload...), make([]byte, padding)...)
}

// readPlain reads the payload of such a packet.
func readPlain(r io.Reader) ([]byte, error) {
	var head [5]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	packet := make([]byte, binary.BigEndian.Uint32(head[:4])-1)
	if _, err := io.ReadFull(r, packet); err != nil {
		return nil, err
	}
	return packet[:len(packet)-int(head[4])], nil
}
