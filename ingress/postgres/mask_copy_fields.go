package postgres

import "bytes"

// split finds the fields of a row, and reports whether it is well formed.
func (c *copyMask) split(body []byte) bool {
	c.fields = c.fields[:0]
	if c.how == copyCSV {
		return c.splitCSV(body)
	}
	start := 0
	for i := 0; i <= len(body); i++ {
		if i < len(body) && body[i] == '\\' {
			i++
			if i < len(body) {
				continue
			}
		}
		if i >= len(body) || body[i] == c.delim {
			i = min(i, len(body))
			raw := body[start:i]
			f := copyField{start: start, end: i, null: bytes.Equal(raw, c.null)}
			if !f.null {
				f.value = copyUnescape(raw)
			}
			c.fields = append(c.fields, f)
			start = i + 1
		}
	}
	return true
}

// copyUnescape reads the escapes of the text format.
func copyUnescape(raw []byte) []byte {
	if bytes.IndexByte(raw, '\\') < 0 {
		return raw
	}
	out := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' || i+1 == len(raw) {
			out = append(out, raw[i])
			continue
		}
		i++
		switch ch := raw[i]; {
		case ch >= '0' && ch <= '7':
			n, end := 0, min(i+3, len(raw))
			for ; i < end && raw[i] >= '0' && raw[i] <= '7'; i++ {
				n = n<<3 | int(raw[i]-'0')
			}
			i--
			out = append(out, byte(n))
		case ch == 'x' && i+1 < len(raw) && hexDigit(raw[i+1]) >= 0:
			n, end := 0, min(i+3, len(raw))
			for i++; i < end && hexDigit(raw[i]) >= 0; i++ {
				n = n<<4 | hexDigit(raw[i])
			}
			i--
			out = append(out, byte(n))
		default:
			if at := bytes.IndexByte([]byte("bfnrtv"), ch); at >= 0 {
				ch = "\b\f\n\r\t\v"[at]
			}
			out = append(out, ch)
		}
	}
	return out
}

func hexDigit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// splitCSV reads fields as CopyReadAttributesCSV does: quotes may open and close anywhere in a field.
func (c *copyMask) splitCSV(body []byte) bool {
	for start := 0; ; {
		var value []byte
		quotes, inside, i := false, false, start
		for ; i < len(body); i++ {
			ch := body[i]
			if !inside && ch == c.delim {
				break
			}
			switch {
			case !inside && ch == c.quote:
				quotes, inside = true, true
			case inside && ch == c.escape && i+1 < len(body) && (body[i+1] == c.quote || body[i+1] == c.escape):
				i++
				value = append(value, body[i])
			case inside && ch == c.quote:
				inside = false
			default:
				value = append(value, ch)
			}
		}
		if inside {
			return false
		}
		f := copyField{start: start, end: i, value: value, null: !quotes && bytes.Equal(value, c.null)}
		c.fields = append(c.fields, f)
		if i >= len(body) {
			return true
		}
		start = i + 1
	}
}

// writeField writes a value as CopyAttributeOutText and CopyAttributeOutCSV do.
func (c *copyMask) writeField(dst, value []byte) []byte {
	if c.how == copyCSV {
		return c.writeCSV(dst, value)
	}
	for _, ch := range value {
		if at := bytes.IndexByte([]byte("\b\f\n\r\t\v"), ch); at >= 0 {
			dst = append(dst, '\\', "bfnrtv"[at])
			continue
		}
		if ch == '\\' || ch == c.delim {
			dst = append(dst, '\\')
		}
		dst = append(dst, ch)
	}
	return dst
}

func (c *copyMask) writeCSV(dst, value []byte) []byte {
	plain := !bytes.Equal(value, c.null) && bytes.IndexByte(value, c.delim) < 0 && bytes.IndexByte(value, c.quote) < 0 &&
		!bytes.ContainsAny(value, "\r\n") && !bytes.Equal(value, []byte(`\.`))
	if plain {
		return append(dst, value...)
	}
	dst = append(dst, c.quote)
	for _, ch := range value {
		if ch == c.quote || ch == c.escape {
			dst = append(dst, c.escape)
		}
		dst = append(dst, ch)
	}
	return append(dst, c.quote)
}
