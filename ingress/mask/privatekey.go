package mask

import "bytes"

// How private keys begin: PEM (RFC 7468, also OpenSSH and PGP), SSH2 (RFC 4716), PuTTY.
const (
	pemBegin   = "-----BEGIN "
	sshBegin   = "---- BEGIN SSH2 "
	puttyBegin = "PuTTY-User-Key-File-"

	maxLabel = 64 // the longest label that is looked at, in bytes
)

// privateKey finds the key whose first word starts at start: from there to the end of its last
// line, or, when that is missing, to the first byte that no key has.
func privateKey(sc *scan, start int) {
	v := sc.v
	if start < sc.keyEnd { // within a key, where looking again would be of no use, and square time
		return
	}
	putty := v[start] == 'P'
	body := keyBody(v, start)
	if body == 0 {
		return
	}
	if body < 0 { // the label may go on
		sc.hold(kinds, start)
		return
	}
	end, done := keyEnd(v, body, putty)
	if !done {
		sc.hold(kindPrivateKey, start)
	}
	sc.keyEnd = end
	sc.add(kindPrivateKey, start, end)
}

// keyBody returns where what follows the first line starts: 0 when it is no private key's, less
// when the value ends before that is known.
func keyBody(v []byte, start int) int {
	rest := v[start:]
	if bytes.HasPrefix(rest, []byte(puttyBegin)) {
		return start + len(puttyBegin)
	}
	dashes, n := "-----", len(pemBegin)
	if bytes.HasPrefix(rest, []byte(sshBegin)) {
		dashes, n = "----", len("---- BEGIN ")
	} else if !bytes.HasPrefix(rest, []byte(pemBegin)) {
		return 0
	}
	i := n
	for i < len(rest) && i-n < maxLabel && (alnum(rest[i]) || rest[i] == ' ') {
		i++
	}
	after := rest[i:min(len(rest), i+len(dashes))]
	switch {
	case string(after) == dashes && bytes.Contains(rest[n:i], []byte("PRIVATE KEY")):
		return start + i + len(dashes)
	case len(after) < len(dashes) && string(after) == dashes[:len(after)]:
		return -1
	}
	return 0
}

// keyEnd returns where a key ends whose body starts at i, and whether more bytes could not change that.
func keyEnd(v []byte, i int, putty bool) (end int, done bool) {
	last := i // after the last byte that is not blank
	for i < len(v) {
		c := v[i]
		switch {
		case putty && c == 'P' && bytes.HasPrefix(v[i:], []byte("Private-MAC:")):
			return macEnd(v, i+len("Private-MAC:"))
		case !putty && c == '-' && i > 0 && v[i-1] != '-' && len(v)-i >= 9 && (bytes.HasPrefix(v[i:], []byte("-----END ")) || bytes.HasPrefix(v[i:], []byte("---- END "))):
			return markerEnd(v, i)
		case c == ' ' || c == '\t' || c == '\r' || c == '\n':
			i++
			continue
		case !keyByte(c):
			return last, true
		}
		i++
		last = i
	}
	return last, false
}

// keyByte reports whether a key's armour, its headers, and what programs write around its lines
// (escapes, quotes, commas) may have a byte.
func keyByte(c byte) bool {
	return alnum(c) || bytes.IndexByte([]byte(`+/=\-:,._()>|"'@<;`), c) >= 0
}

// markerEnd returns where the last line that starts at i ends.
func markerEnd(v []byte, i int) (end int, done bool) {
	dashes := 0
	for dashes < 5 && v[i+dashes] == '-' {
		dashes++
	}
	for k := i + dashes; k < len(v); k++ {
		c := v[k]
		if c == '-' {
			for n := 0; n < dashes; n++ {
				if k >= len(v) {
					return len(v), false
				}
				if v[k] != '-' {
					break
				}
				k++
			}
			return k, true
		}
		if !alnum(c) && c != ' ' || k-i > maxLabel {
			return k, true
		}
	}
	return len(v), false
}

// macEnd returns where the hexadecimal digits at i end.
func macEnd(v []byte, i int) (end int, done bool) {
	for i < len(v) && v[i] == ' ' {
		i++
	}
	for i < len(v) && alnum(v[i]) {
		i++
	}
	return i, i < len(v)
}
