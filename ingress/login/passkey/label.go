package passkey

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"sallyport/schemas"
)

// maxLabel bounds what people call their passkeys, in bytes.
const maxLabel = 100

// Label checks what somebody calls a passkey; nothing becomes "Passkey".
func Label(text string) (string, error) {
	text = strings.TrimSpace(text)
	if len(text) > maxLabel || !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return "", &schemas.Error{Code: schemas.CodeInvalid, Message: "a passkey's name has at most 100 bytes, all of them printable"}
	}
	if text == "" {
		return "Passkey", nil
	}
	return text, nil
}
