package notify

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"html"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"net/smtp"
	"net/textproto"
	"strings"

	"sallyport/schemas/approval"
)

// MailConfig is what NewMail needs.
type MailConfig struct {
	Server   string // host:port
	From     string
	To       []string
	Username string // empty: nobody signs in to the server
	Password string
	// Plain lets mail go without TLS to a server that is not on this machine.
	Plain bool
	Links Links
	TLS   *tls.Config // nil: the system's authorities
}

// Mail tells by e-mail (RFC 5321, 5322). Its links need a sign-in.
type Mail struct {
	c        MailConfig
	host     string
	from     *mail.Address
	to       []*mail.Address
	loopback bool
}

// NewMail checks c.
func NewMail(c MailConfig) (*Mail, error) {
	host, _, err := net.SplitHostPort(c.Server)
	if err != nil {
		return nil, fmt.Errorf("server %q is not host:port", c.Server)
	}
	m := &Mail{c: c, host: host}
	ip := net.ParseIP(host)
	m.loopback = host == "localhost" || ip != nil && ip.IsLoopback()
	if m.from, err = mail.ParseAddress(c.From); err != nil {
		return nil, fmt.Errorf("from %q: %w", c.From, err)
	}
	for _, text := range c.To {
		a, err := mail.ParseAddress(text)
		if err != nil {
			return nil, fmt.Errorf("to %q: %w", text, err)
		}
		m.to = append(m.to, a)
	}
	if len(m.to) == 0 {
		return nil, errors.New("to names nobody")
	}
	return m, nil
}

// Tell implements Notifier. The reference is the Message-ID of the first mail, which others answer.
func (m *Mail) Tell(ctx context.Context, msg Message, reference string) (string, error) {
	switch msg.What {
	case approval.Reviewed, string(approval.Used), Estimated:
		return reference, nil
	}
	id := "<" + msg.ID + "@" + m.host + ">"
	body, err := m.compose(msg, id, reference)
	if err != nil {
		return "", Permanent(err)
	}
	if err := m.send(ctx, body); err != nil {
		return "", err
	}
	if reference == "" {
		return id, nil
	}
	return reference, nil
}

// compose writes a mail of plain text and HTML.
func (m *Mail) compose(msg Message, id, reference string) ([]byte, error) {
	var to []string
	for _, a := range m.to {
		to = append(to, a.String())
	}
	var b bytes.Buffer
	parts := multipart.NewWriter(&b)
	header := [][2]string{
		{"From", m.from.String()}, {"To", strings.Join(to, ", ")}, {"Subject", mime.QEncoding.Encode("utf-8", cut(title(msg), 200))},
		{"Date", msg.At.UTC().Format("Mon, 02 Jan 2006 15:04:05 -0700")}, {"Message-ID", id}, {"Auto-Submitted", "auto-generated"},
		{"MIME-Version", "1.0"}, {"Content-Type", "multipart/alternative; boundary=" + parts.Boundary()},
	}
	if reference != "" {
		header = append(header, [2]string{"In-Reply-To", reference}, [2]string{"References", reference})
	}
	for _, h := range header {
		fmt.Fprintf(&b, "%s: %s\r\n", h[0], h[1])
	}
	b.WriteString("\r\n")
	for _, p := range [][2]string{{"text/plain", m.plain(msg)}, {"text/html", m.html(msg)}} {
		w, err := parts.CreatePart(textproto.MIMEHeader{"Content-Type": {p[0] + "; charset=utf-8"}, "Content-Transfer-Encoding": {"quoted-printable"}})
		if err != nil {
			return nil, fmt.Errorf("compose: %w", err)
		}
		q := quotedprintable.NewWriter(w)
		if _, err := q.Write([]byte(p[1])); err != nil {
			return nil, fmt.Errorf("compose: %w", err)
		}
		if err := q.Close(); err != nil {
			return nil, fmt.Errorf("compose: %w", err)
		}
	}
	if err := parts.Close(); err != nil {
		return nil, fmt.Errorf("compose: %w", err)
	}
	return b.Bytes(), nil
}

const mailText = 20_000

// choices are the links under a mail.
func (m *Mail) choices(msg Message, whole bool) (out []field) {
	if msg.State.Status == approval.Pending && whole {
		for _, d := range []field{{"Approve", approval.Approve}, {"Deny", approval.Deny}} {
			if link := m.c.Links.For(msg.State, d.value); link != "" {
				out = append(out, field{d.name, link})
			}
		}
	}
	if msg.Link != "" {
		out = append(out, field{"Open", msg.Link})
	}
	return out
}

func (m *Mail) plain(msg Message) string {
	var b strings.Builder
	b.WriteString(title(msg) + "\n\n")
	for _, f := range fields(msg.State) {
		b.WriteString(f.name + ": " + f.value + "\n")
	}
	text, whole := statement(msg.State.Ask, mailText)
	if text != "" && msg.State.Ask.GetGrant() == nil {
		b.WriteString("\n" + text + "\n")
	}
	if n := note(msg.State.Ask, whole); n != "" {
		b.WriteString("\n" + n + "\n")
	}
	b.WriteString("\n")
	for _, c := range m.choices(msg, whole) {
		b.WriteString(c.name + " (after signing in): " + c.value + "\n")
	}
	return b.String()
}

func (m *Mail) html(msg Message) string {
	var b strings.Builder
	e := html.EscapeString
	b.WriteString("<p><b>" + e(title(msg)) + "</b></p><table>")
	for _, f := range fields(msg.State) {
		b.WriteString("<tr><td>" + e(f.name) + "</td><td>" + e(f.value) + "</td></tr>")
	}
	b.WriteString("</table>")
	text, whole := statement(msg.State.Ask, mailText)
	if text != "" && msg.State.Ask.GetGrant() == nil {
		b.WriteString("<pre>" + e(text) + "</pre>")
	}
	if n := note(msg.State.Ask, whole); n != "" {
		b.WriteString("<p>" + e(n) + "</p>")
	}
	b.WriteString("<p>")
	for _, c := range m.choices(msg, whole) {
		b.WriteString(`<a href="` + e(c.value) + `">` + e(c.name) + "</a> ")
	}
	b.WriteString("(after signing in)</p>")
	return b.String()
}

// send hands a mail to the server, over TLS unless that is on this machine, or Plain.
func (m *Mail) send(ctx context.Context, body []byte) error {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", m.c.Server)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer conn.Close()
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return fmt.Errorf("connect: %w", err)
		}
	}
	c, err := smtp.NewClient(conn, m.host)
	if err != nil {
		return replied("greet", err)
	}
	defer c.Close()
	if err := m.secure(c); err != nil {
		return err
	}
	if m.c.Username != "" {
		if err := c.Auth(smtp.PlainAuth("", m.c.Username, m.c.Password, m.host)); err != nil {
			return replied("sign in", err)
		}
	}
	if err := c.Mail(m.from.Address); err != nil {
		return replied("sender", err)
	}
	for _, a := range m.to {
		if err := c.Rcpt(a.Address); err != nil {
			return replied("recipient", err)
		}
	}
	w, err := c.Data()
	if err != nil {
		return replied("data", err)
	}
	if _, err := w.Write(body); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	if err := w.Close(); err != nil {
		return replied("data", err)
	}
	_ = c.Quit() // it was taken, whatever the server says now
	return nil
}

func (m *Mail) secure(c *smtp.Client) error {
	if ok, _ := c.Extension("STARTTLS"); !ok {
		if m.loopback || m.c.Plain {
			return nil
		}
		return Permanent(errors.New("the server offers no TLS, and mail is not sent in clear"))
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if m.c.TLS != nil {
		config = m.c.TLS.Clone()
	}
	config.ServerName = m.host
	if err := c.StartTLS(config); err != nil {
		return fmt.Errorf("start TLS: %w", err)
	}
	return nil
}

// replied is a server's refusal: of the 500s, for good (RFC 5321, section 4.2.1).
func replied(what string, err error) error {
	var reply *textproto.Error
	if errors.As(err, &reply) && reply.Code >= 500 {
		return Permanent(fmt.Errorf("%s: %w", what, err))
	}
	return fmt.Errorf("%s: %w", what, err)
}

// Patient implements Patient.
func (m *Mail) Patient() {}
