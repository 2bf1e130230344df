package notify

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"sallyport/schemas"
	"sallyport/schemas/approval"
)

// Links makes and reads signed links to a decision. They decide nothing: whoever follows one has to
// sign in, and to say so there. The signature says that the link came from here, for that request.
type Links struct {
	PublicURL string // without a slash at its end
	Key       []byte
	Now       func() time.Time
}

// For is where to decide so about a request, until it expires; empty without a public address.
func (l Links) For(s approval.State, decision string) string {
	if l.PublicURL == "" {
		return ""
	}
	claim := s.ID + " " + decision + " " + strconv.FormatInt(s.Expires.Unix(), 10)
	return l.PublicURL + "/decide?t=" + base64.RawURLEncoding.EncodeToString([]byte(claim)) + "." + base64.RawURLEncoding.EncodeToString(l.sign(claim))
}

func (l Links) sign(claim string) []byte {
	h := hmac.New(sha256.New, l.Key)
	_, _ = h.Write([]byte("sallyport link\x00" + claim))
	return h.Sum(nil)
}

// Read returns what a link is for.
func (l Links) Read(token string) (request, decision string, err error) {
	wrong := &schemas.Error{Code: schemas.CodeForbidden, Message: "this link was not made here"}
	head, tail, _ := strings.Cut(token, ".")
	claim, err1 := base64.RawURLEncoding.DecodeString(head)
	mac, err2 := base64.RawURLEncoding.DecodeString(tail)
	if err1 != nil || err2 != nil || !hmac.Equal(mac, l.sign(string(claim))) {
		return "", "", wrong
	}
	parts := strings.Split(string(claim), " ")
	if len(parts) != 3 {
		return "", "", wrong
	}
	expires, err := strconv.ParseInt(parts[2], 10, 64)
	if err != nil {
		return "", "", wrong
	}
	if l.Now().Unix() >= expires {
		return "", "", &schemas.Error{Code: schemas.CodeConflict, Message: "the request has expired"}
	}
	return parts[0], parts[1], nil
}

// ServeHTTP sends whoever follows a link to the request, in the web app.
func (l Links) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	request, decision, err := l.Read(r.URL.Query().Get("t"))
	if err != nil {
		status := http.StatusForbidden
		shown := schemas.Shown(err)
		if shown.Code == schemas.CodeConflict {
			status = http.StatusGone
		}
		http.Error(w, shown.Message, status)
		return
	}
	w.Header().Set("Referrer-Policy", "no-referrer")
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, "/approvals/"+url.PathEscape(request)+"?decision="+url.QueryEscape(decision), http.StatusSeeOther)
}
