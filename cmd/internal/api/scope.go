package api

import (
	"context"
	"net/url"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"sallyport/ingress/login"
	"sallyport/schemas"
	"sallyport/schemas/registry"
)

func invalid(message string) error {
	return &schemas.Error{Code: schemas.CodeInvalid, Message: message}
}

func beyond(message string) error {
	return &schemas.Error{Code: schemas.CodeForbidden, Message: message}
}

// principalOf reads whom ?user= or ?agent= names.
func principalOf(q url.Values) (*schemas.Principal, error) {
	user, agent := q.Get("user"), q.Get("agent")
	if (user == "") == (agent == "") {
		return nil, invalid("name a user or an agent")
	}
	if agent != "" {
		return &schemas.Principal{Name: agent, Kind: schemas.PrincipalKind_PRINCIPAL_KIND_AGENT}, nil
	}
	return &schemas.Principal{Name: user, Kind: schemas.PrincipalKind_PRINCIPAL_KIND_USER}, nil
}

// spec checks a request and says what token it asks for. An administrator may make any; everybody
// else may make for themselves what their own token can do, or less, for as long as it lives.
func (a *API) spec(ctx context.Context, in NewToken) (login.Spec, error) {
	spec := login.Spec{Targets: in.Targets, Protocols: in.Protocols}
	if in.User != "" && in.Agent != "" {
		return spec, invalid("a token is for a user or for an agent: name one of them")
	}
	for _, target := range in.Targets {
		if _, ok := a.registry.Snapshot().Target(target); !ok {
			return spec, invalid("there is no target " + target)
		}
	}
	all, err := a.administers(ctx)
	if err != nil {
		return spec, err
	}
	id := Who(ctx)
	named := in.User != "" || in.Agent != ""
	switch {
	case all && named:
		if err := a.guard.Check(ctx, guardTokens); err != nil {
			return spec, err
		}
		spec.Principal, _ = principalOf(url.Values{"user": {in.User}, "agent": {in.Agent}})
		spec.Principal.Groups = in.Groups
		spec.Starter = a.starter(id.Token)
	case id.Token == nil:
		return spec, invalid("a token is for a user or for an agent: name one of them")
	default:
		if err := a.narrow(&spec, in, id); err != nil {
			return spec, err
		}
	}
	if in.RunPrompt != nil && spec.Principal.Kind != schemas.PrincipalKind_PRINCIPAL_KIND_AGENT {
		return spec, invalid("a run belongs to an agent: give agent, not user")
	}
	if in.RunPrompt == nil && (in.RunModel != "" || in.RunParent != "" || in.Traceparent != "" || len(in.RunAttributes) > 0) {
		return spec, invalid("a model, a parent, attributes and a trace belong to a run: give its prompt")
	}
	if in.SignIn {
		if !all {
			return spec, beyond("a link that signs in is made by an administrator: sign in with your token")
		}
		spec.Protocols = []string{protocolSignIn}
	}
	spec.TTL, err = a.ttl(in.TTL, spec.With)
	return spec, err
}

// narrow makes spec a token of whoever asks, within what their own token can do.
func (a *API) narrow(spec *login.Spec, in NewToken, id *Identity) error {
	own := id.Principal
	agent := own.GetKind() == schemas.PrincipalKind_PRINCIPAL_KIND_AGENT
	if in.User != "" && (agent || in.User != own.GetName()) || in.Agent != "" && (!agent || in.Agent != own.GetName()) {
		return beyond("you may make tokens for yourself alone")
	}
	if len(in.Groups) > 0 && !slices.Equal(slices.Sorted(slices.Values(in.Groups)), slices.Sorted(slices.Values(own.GetGroups()))) {
		return beyond("a token that you make is in the groups that you are in: leave them out")
	}
	var ok bool
	if spec.Targets, ok = within(in.Targets, id.Token.Targets); !ok {
		return beyond("your token is not for all of these targets")
	}
	held := id.Token.Protocols
	if slices.Equal(held, []string{protocolWeb}) { // a browser session stands for its person
		held = nil
	}
	if spec.Protocols, ok = within(in.Protocols, held); !ok {
		return beyond("your token is not for all of these protocols")
	}
	spec.Principal, spec.Run, spec.With, spec.Starter = proto.CloneOf(own), id.Run, id.Token, a.starter(id.Token)
	return nil
}

// within returns what of held is wanted: all of it, if wanted names nothing. Empty held is everything.
func within(wanted, held []string) (granted []string, ok bool) {
	if len(wanted) == 0 {
		return held, true
	}
	for _, w := range wanted {
		if len(held) > 0 && !slices.Contains(held, w) {
			return nil, false
		}
	}
	return wanted, true
}

// ttl reads how long a token is to live. It does not outlive the one that it is made with.
func (a *API) ttl(text string, with *schemas.TokenCreated) (time.Duration, error) {
	ttl, most := defaultTTL, a.maxTTL
	left := most
	if with != nil {
		left = time.Unix(0, with.Expires).Sub(a.now())
	}
	if text == "" {
		return min(ttl, most, left), nil
	}
	ttl, err := time.ParseDuration(text)
	switch {
	case err != nil || ttl <= 0:
		return 0, invalid("ttl " + text + " is not a duration above zero such as 30m or 8h")
	case ttl > most:
		return 0, invalid("ttl " + text + " is longer than limits.token_ttl, " + most.String())
	case ttl > left:
		return 0, beyond("ttl " + text + " is longer than your own token lives, " + left.Truncate(time.Second).String())
	}
	return ttl, nil
}

// starter is the person behind what an agent makes with its token; empty: whoever makes it.
func (a *API) starter(t *schemas.TokenCreated) string { return starterOf(a.registry.Snapshot(), t) }

func starterOf(s *registry.Snapshot, t *schemas.TokenCreated) string {
	if t.GetPrincipal().GetKind() != schemas.PrincipalKind_PRINCIPAL_KIND_AGENT {
		return ""
	}
	return Starter(s, t)
}

// Starter is the person who made a token, or the first of the line that it is of; empty: nobody in
// particular.
func Starter(s *registry.Snapshot, t *schemas.TokenCreated) string {
	if t.Starter != "" || len(t.Ancestors) > 0 {
		return t.Starter
	}
	if by := s.Maker(schemas.TokenID(t.Id)); by != NameAdministrator {
		return by
	}
	return ""
}
