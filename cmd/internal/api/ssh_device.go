package api

import (
	"context"
	"errors"
	"time"

	"sallyport/ingress/login"
	"sallyport/ingress/login/once"
	"sallyport/ingress/login/pace"
	"sallyport/ingress/session"
	"sallyport/schemas"
	"sallyport/schemas/registry"
)

// DeviceSignIn signs clients of a protocol in through a browser anywhere, as RFC 8628 does it for terminals. The
// client has no code to redeem: its own connection waits. What it gets is a token of this protocol
// alone, whose secret nobody ever has.
type DeviceSignIn struct {
	Once      *once.Ledger
	Registry  *registry.Registry
	Protocol  string
	Login     *login.Protocol
	PerSource *pace.Pace // sign-ins that an address may begin
	PublicURL string     // of the web app
	Now       func() time.Time
}

// devicePoll is how often it is looked whether somebody has decided.
const devicePoll = time.Second

// Begin returns what to show to a client, and what waits for a browser that signs user in.
func (s DeviceSignIn) Begin(ctx context.Context, user, address string) (string, func(context.Context) (*session.Identity, error), error) {
	if !s.PerSource.Allow(pace.Address(address)) {
		return "", nil, tooOften()
	}
	d := device{Address: address, Host: s.Protocol + " client of " + clip(user, 100), Asked: s.Now().UnixNano()}
	code, err := d.wait(ctx, s.Once)
	if err != nil {
		return "", nil, err
	}
	text := "To sign in with a browser, open\r\n" + s.PublicURL + "/device?code=" + shownCode(code) + "\r\n"
	return text, func(ctx context.Context) (*session.Identity, error) { return s.wait(ctx, user, code) }, nil
}

func (s DeviceSignIn) wait(ctx context.Context, user, code string) (*session.Identity, error) {
	poll := time.NewTicker(devicePoll)
	defer poll.Stop()
	for {
		d := new(device)
		_, err := s.Once.Get(ctx, kindUserCode, code, d)
		switch {
		case errors.Is(err, once.ErrGone), ctx.Err() != nil:
			return nil, refusedDevice("nobody signed this connection in in time")
		case err != nil:
			return nil, unavailable(err)
		case d.Denied:
			return nil, refusedDevice("the sign-in was refused in the browser")
		case d.Pass != nil:
			return s.admit(ctx, user, code)
		}
		select {
		case <-poll.C:
		case <-ctx.Done():
		}
	}
}

// admit uses the consent up.
func (s DeviceSignIn) admit(ctx context.Context, user, code string) (*session.Identity, error) {
	d := new(device)
	if err := s.Once.Take(ctx, kindUserCode, code, d); errors.Is(err, once.ErrGone) || err == nil && d.Pass == nil {
		return nil, refusedDevice("the code was used")
	} else if err != nil {
		return nil, unavailable(err)
	}
	if d.Pass.Principal.GetName() != user {
		return nil, refusedDevice("who signed in in the browser is somebody else than whom this connection is for")
	}
	spec, ok := d.Pass.spec(s.Registry.Snapshot(), s.Now())
	if !ok {
		return nil, refusedDevice("the browser session was ended meanwhile")
	}
	spec.Protocols = []string{s.Protocol}
	_, fact, err := login.Mint(spec, s.Now())
	if err != nil {
		return nil, err
	}
	err = s.Registry.Append(ctx, &schemas.Control{By: user, Kind: &schemas.Control_TokenCreated{TokenCreated: fact}})
	if err != nil {
		return nil, unavailable(err)
	}
	return s.Login.Token(ctx, user, schemas.TokenID(fact.Id))
}

func refusedDevice(message string) error {
	return &schemas.Error{Code: schemas.CodeUnauthenticated, Message: message}
}
