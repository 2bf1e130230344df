package mask

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
)

// maxHeader is the longest header of a token that is looked at, in bytes of its base64 form.
const maxHeader = 4096

// jsonWebToken finds the token that starts at start with eyJ, the base64 of {" (RFC 7515, 7516, 7519).
func jsonWebToken(sc *scan, start int) {
	v := sc.v
	if string(v[start:start+3]) != "eyJ" || start > 0 && base64URL(v[start-1]) {
		return
	}
	var dots [4]int
	n, end := 0, start
	for end < len(v) && (base64URL(v[end]) || v[end] == '.' && n < 4) {
		if v[end] == '.' {
			if dots[n] = end; n == 0 && end-start > maxHeader {
				return
			}
			n++
		}
		end++
	}
	if n == 0 {
		if end == len(v) && end-start <= maxHeader {
			sc.hold(kinds, start)
		}
		return
	}
	if !jwtHeader(v[start:dots[0]]) {
		return
	}
	if end == len(v) {
		sc.hold(kindJWT, start)
	}
	if n < 2 || dots[1] == dots[0]+1 && n < 4 {
		return
	}
	if n == 3 { // three parts, and something else after a dot
		end = dots[2]
	}
	sc.add(kindJWT, start, end)
}

func base64URL(c byte) bool { return alnum(c) || c == '-' || c == '_' }

// jwtHeader reports whether a part decodes to a JSON object with alg.
func jwtHeader(part []byte) bool {
	text := make([]byte, base64.RawURLEncoding.DecodedLen(len(part)))
	n, err := base64.RawURLEncoding.Decode(text, part)
	if err != nil || !bytes.Contains(text[:n], []byte(`"alg"`)) {
		return false
	}
	var header struct {
		Alg string `json:"alg"`
	}
	return json.Unmarshal(text[:n], &header) == nil && header.Alg != ""
}
