package scram

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
)

// Server is the server's side of one exchange.
type Server struct {
	endPoint   []byte // nil: no channel binding offered
	salt       []byte
	iterations int
	keys       []Keys

	bound    bool
	header   []byte // gs2-header as the client sent it
	first    []byte // client-first-message-bare
	answer   []byte // server-first-message
	combined []byte // nonce
}

// NewServer returns a server that accepts any of keys, which share salt and iterations. With no
// keys it goes through the motions and refuses. endPoint is nil when no binding is on offer.
func NewServer(salt []byte, iterations int, keys []Keys, endPoint []byte) *Server {
	return &Server{salt: salt, iterations: iterations, keys: keys, endPoint: endPoint}
}

// First takes the client's first message under the mechanism that it chose.
func (s *Server) First(mechanism string, message []byte) ([]byte, error) {
	if len(message) > maxMessage || mechanism != SHA256 && mechanism != SHA256Plus {
		return nil, ErrMalformed
	}
	bare, err := s.takeHeader(mechanism, message)
	if err != nil {
		return nil, err
	}
	_, rest, err := attribute(bare, 'n') // PostgreSQL uses the start-up packet's user
	if err != nil {
		return nil, err
	}
	client, _, err := attribute(rest, 'r')
	if err != nil || !printable(client) {
		return nil, ErrMalformed
	}
	s.first = bytes.Clone(bare)
	s.combined = join(client, nonce())
	s.answer = join([]byte("r="), s.combined, []byte(",s="), encode(s.salt), []byte(",i="), appendInt(nil, s.iterations))
	return s.answer, nil
}

// takeHeader checks the gs2-header: what the client says about binding must agree with the
// mechanism and with what was on offer, or somebody in the middle took the offer away.
func (s *Server) takeHeader(mechanism string, m []byte) (bare []byte, err error) {
	flag, rest, ok := bytes.Cut(m, []byte{','})
	if !ok {
		return nil, ErrMalformed
	}
	identity, bare, ok := bytes.Cut(rest, []byte{','})
	if !ok || len(identity) != 0 { // authorisation identities are not supported
		return nil, ErrMalformed
	}
	switch string(flag) {
	case "n":
		ok = mechanism == SHA256
	case "y":
		if s.endPoint != nil {
			return nil, ErrBinding
		}
		ok = mechanism == SHA256
	case "p=" + binding:
		ok = mechanism == SHA256Plus && s.endPoint != nil
		s.bound = true
	default:
		ok = false
	}
	if !ok {
		return nil, ErrMalformed
	}
	s.header = bytes.Clone(m[:len(flag)+2])
	return bare, nil
}

// Final takes the client's last message. It returns the server's last message and which of the
// keys proved it.
func (s *Server) Final(message []byte) (answer []byte, key int, err error) {
	if len(message) > maxMessage || s.answer == nil {
		return nil, -1, ErrMalformed
	}
	at := bytes.LastIndex(message, []byte(",p="))
	if at < 0 {
		return nil, -1, ErrMalformed
	}
	proof, err := decode(message[at+3:])
	if err != nil || len(proof) != sha256.Size {
		return nil, -1, ErrMalformed
	}
	if err := s.checkFinal(message[:at]); err != nil {
		return nil, -1, err
	}
	auth := join(s.first, []byte{','}, s.answer, []byte{','}, message[:at])
	key = s.match(auth, proof)
	if key < 0 {
		return nil, -1, ErrProof
	}
	return join([]byte("v="), encode(mac(s.keys[key].ServerKey, auth))), key, nil
}

func (s *Server) checkFinal(m []byte) error {
	c, rest, err := attribute(m, 'c')
	if err != nil {
		return err
	}
	got, err := decode(c)
	if err != nil {
		return err
	}
	want := s.header
	if s.bound {
		want = join(s.header, s.endPoint)
	}
	if subtle.ConstantTimeCompare(got, want) != 1 {
		return ErrBinding
	}
	r, _, err := attribute(rest, 'r')
	if err != nil || subtle.ConstantTimeCompare(r, s.combined) != 1 {
		return ErrMalformed
	}
	return nil
}

// match tries every key, so that time does not tell which, and does the work of one when there
// is none.
func (s *Server) match(auth, proof []byte) int {
	found := -1
	for i, k := range s.keys {
		if proves(k, auth, proof) {
			found = i
		}
	}
	if len(s.keys) == 0 {
		_ = proves(Keys{StoredKey: make([]byte, sha256.Size)}, auth, proof)
	}
	return found
}

func proves(k Keys, auth, proof []byte) bool {
	client := xor(proof, mac(k.StoredKey, auth))
	stored := sha256.Sum256(client)
	return subtle.ConstantTimeCompare(stored[:], k.StoredKey) == 1
}
