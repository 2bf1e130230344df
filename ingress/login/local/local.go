package local

import (
	"context"
	"slices"

	"sallyport/schemas"
)

// Provider is the local provider's name on the log.
const Provider = "local"

// maxHashing bounds how many passwords are hashed at once: each takes 19 MiB.
const maxHashing = 4

// Directory is where users are kept.
type Directory interface {
	User(name string) (*schemas.UserPut, bool)
}

// Config is what New needs.
type Config struct {
	Directory func() Directory // as it is now
	Key       []byte           // 32 bytes, kept apart from the log
}

// Users checks passwords. Its methods are safe for concurrent use.
type Users struct {
	c       Config
	nobody  kept // what a name without a password is held against
	hashing chan struct{}
}

// New returns Users.
func New(c Config) (*Users, error) {
	u := &Users{c: c, hashing: make(chan struct{}, maxHashing)}
	phc, err := u.Hash("the password of nobody at all")
	if err != nil {
		return nil, err
	}
	u.nobody, err = parse(phc)
	u.nobody.sum[0] ^= 1 // of no password that anybody knows
	return u, err
}

// Check returns whose name and password these are. A name that does not exist, one without a
// password and a wrong password are told apart by nothing, the time that it takes included.
func (u *Users) Check(ctx context.Context, name, password string) (*schemas.Principal, error) {
	user, there := u.c.Directory().User(name)
	k, sound := u.nobody, false
	if there && user.Password != "" {
		if parsed, err := parse(user.Password); err == nil {
			k, sound = parsed, true
		}
	}
	if len(password) > maxPassword {
		password, sound = password[:maxPassword], false
	}
	select {
	case u.hashing <- struct{}{}:
		defer func() { <-u.hashing }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if !u.matches(k, password) || !sound {
		return nil, &schemas.Error{Code: schemas.CodeUnauthenticated, Message: "the name or the password is wrong"}
	}
	return Principal(user), nil
}

// Principal is who a user is.
func Principal(u *schemas.UserPut) *schemas.Principal {
	return &schemas.Principal{Name: u.Name, Kind: schemas.PrincipalKind_PRINCIPAL_KIND_USER, Groups: slices.Clone(u.Groups)}
}
