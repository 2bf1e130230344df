package postgres

import (
	"context"
	"encoding/json"

	"sallyport/ingress/mask"
	"sallyport/ingress/session"
	"sallyport/schemas/values"
)

// scanning is how content is looked for in the values of a type.
type scanning uint8

const (
	scanNone    scanning = iota // nothing that a detector knows can be in it
	scanText                    // in place
	scanJSON                    // in place, if that leaves a document
	scanTyped                   // in its text form; then it is masked whole
	scanArray                   // in each element
	scanUnknown                 // binary, of a type that is not known here
)

func scanningOf(oid uint32, isBinary bool) scanning {
	switch oid {
	case typeBool, typeChar, typeDate, typeTime, typeTimetz, typeTimestamp, typeTimestamptz, typeInterval, typeUUID,
		typeInet, typeCIDR, typeMacaddr, typeMacaddr8, typeBit, typeVarbit:
		return scanNone
	case typeJSON, typeJSONB:
		return scanJSON
	case typeInt2, typeInt4, typeInt8, typeOID, typeXID, typeCID, typeXID8, typeFloat4, typeFloat8, typeNumeric, typeMoney, typeBytea:
		return scanTyped
	}
	switch _, isArray := values.Element(oid); {
	case isArray:
		return scanArray
	case values.Range(oid):
		return scanNone
	case isBinary && !textual(oid):
		return scanUnknown
	}
	return scanText
}

// look looks for content in one value.
type look struct {
	ctx     context.Context
	content *session.Content
	hits    []mask.Hit
}

// value appends the value with what is found in it masked. When nothing is found, nothing is appended.
func (l *look) value(dst []byte, oid uint32, isBinary bool, how scanning, v []byte) (out []byte, null, found bool) {
	switch how {
	case scanText:
		return l.apply(dst, v)
	case scanJSON:
		return l.json(dst, oid, isBinary, v)
	case scanTyped:
		return l.typed(dst, oid, isBinary, v)
	case scanArray:
		return l.array(dst, oid, isBinary, v)
	case scanUnknown:
		if out, null, found = l.apply(dst, v); found && !printable(v) {
			return dst, true, true
		}
		return out, null, found
	}
	return dst, false, false
}

func (l *look) apply(dst, v []byte) (out []byte, null, found bool) {
	out, hits, null := l.content.Apply(l.ctx, dst, v)
	l.hits = append(l.hits, hits...)
	return out, null, len(hits) > 0
}

func (l *look) json(dst []byte, oid uint32, isBinary bool, v []byte) (out []byte, null, found bool) {
	text := v
	if isBinary && oid == typeJSONB && v[0] == 1 {
		dst, text = append(dst, 1), v[1:]
	}
	before := len(l.hits)
	out, null, found = l.apply(dst, text)
	if found && !null && !json.Valid(out[len(dst):]) { // it was a number, or a key of its own
		out, null = l.content.Transform(l.hits[before]).JSON(dst, text)
	}
	return out, null, found
}

// Numbers of less digits than smallDigits, and below smallInt, are nothing that a detector finds alone.
const (
	smallDigits = 9
	smallInt    = 1e8
)

func (l *look) typed(dst []byte, oid uint32, isBinary bool, v []byte) (out []byte, null, found bool) {
	text := v
	if isBinary && oid != typeBytea {
		if n := integer(v); !l.content.External() && len(v) <= 8 && oid != typeFloat4 && oid != typeFloat8 && oid != typeNumeric && n > -smallInt && n < smallInt {
			return dst, false, false
		}
		text = []byte(values.Text(oid, true, v))
	} else if oid == typeBytea && !isBinary {
		text = unhex(v)
	} else if !isBinary && len(v) < smallDigits && !l.content.External() {
		return dst, false, false
	}
	before := len(l.hits)
	if _, _, found = l.apply(nil, text); !found {
		return dst, false, false
	}
	out, null = masker{l.content.Transform(l.hits[before])}.value(dst, oid, isBinary, v)
	return out, null, true
}

func (l *look) array(dst []byte, oid uint32, isBinary bool, v []byte) (out []byte, null, found bool) {
	e, _ := values.Element(oid)
	how := scanningOf(e, isBinary)
	if how == scanNone {
		return dst, false, false
	}
	each := func(dst, v []byte) ([]byte, bool) {
		out, null, hit := l.value(dst, e, isBinary, how, v)
		if !hit {
			return append(dst, v...), false
		}
		found = true
		return out, null
	}
	walk := arrayText
	if isBinary {
		walk = arrayBinary
	}
	out, ok := walk(dst, v, each)
	if !ok { // as one text
		return l.apply(dst, v)
	}
	if !found {
		return dst, false, false
	}
	return out, false, true
}
