package api

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"sallyport/schemas"
	"sallyport/schemas/journal"
	"sallyport/schemas/registry"
	"sallyport/schemas/resources"
)

// Access answers whether the sender of a request may do something on a target. The enforcer
// decides; its answers are kept while the resources' revision stays.
type Access struct {
	log      *journal.Log
	registry *registry.Registry
	deadline time.Duration

	mu       sync.Mutex
	revision schemas.Revision
	answers  map[string]*schemas.AccessAnswer
}

// NewAccess returns an Access. deadline is how long the enforcer has to answer.
func NewAccess(log *journal.Log, r *registry.Registry, deadline time.Duration) *Access {
	return &Access{log: log, registry: r, deadline: deadline}
}

// Authorize returns nil if the sender of the request that ctx belongs to has the permission on target.
func (a *Access) Authorize(ctx context.Context, permission, target string) error {
	id := Who(ctx)
	if id == nil {
		return &schemas.Error{Code: schemas.CodeUnauthenticated, Message: "not signed in"}
	}
	if id.Administrator {
		return nil
	}
	if len(id.Targets) > 0 && !slices.Contains(id.Targets, target) {
		return forbidden(permission, target, "the token is not for this target")
	}
	answer, err := a.answer(ctx, id, permission, target)
	if err != nil {
		return err
	}
	if !answer.Allowed {
		return forbidden(permission, target, answer.Reason)
	}
	return nil
}

// forbidden says what is not allowed; without a target it is the gateway itself, of which the reason speaks.
func forbidden(permission, target, reason string) error {
	what := "do this"
	if target != "" {
		what = permission + " " + target
	}
	return &schemas.Error{Code: schemas.CodeForbidden, Message: "you may not " + what + ": " + reason}
}

// Allowed returns the targets on which the sender has the permission; all means every one.
func (a *Access) Allowed(ctx context.Context, permission string) (targets []string, all bool, err error) {
	if id := Who(ctx); id != nil && id.Administrator {
		return nil, true, nil
	}
	for _, t := range a.registry.Snapshot().All(resources.KindTarget) {
		err := a.Authorize(ctx, permission, t.Metadata.Name)
		if err == nil {
			targets = append(targets, t.Metadata.Name)
		} else if code := schemas.Shown(err).Code; code != schemas.CodeForbidden {
			return nil, false, err
		}
	}
	return targets, false, nil
}

// answer is the enforcer's, or what it said before.
func (a *Access) answer(ctx context.Context, id *Identity, permission, target string) (*schemas.AccessAnswer, error) {
	revision := a.registry.Snapshot().Revision
	key := fmt.Sprintf("%q %q %q %q %d", id.Principal.Name, id.Principal.Groups, permission, target, id.Principal.Kind)
	if answer := a.kept(revision, key); answer != nil {
		return answer, nil
	}
	answer, err := a.ask(ctx, &schemas.AccessAsk{Principal: id.Principal, Run: id.Run, Target: target, Permission: permission})
	if err == nil && answer.Revision == string(revision) && permission != resources.PermissionConnect { // grants come and go
		a.keep(revision, key, answer)
	}
	return answer, err
}

func (a *Access) ask(ctx context.Context, ask *schemas.AccessAsk) (*schemas.AccessAnswer, error) {
	request, err := ask.MarshalVT()
	if err != nil {
		return nil, fmt.Errorf("encode access ask: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, a.deadline)
	defer cancel()
	data, err := a.log.Ask(ctx, schemas.AskAccess, request)
	if err != nil {
		return nil, &schemas.Error{Code: schemas.CodeUnavailable, Message: "no enforcer answered, so access is refused", Hint: "try again", Err: err}
	}
	answer := new(schemas.AccessAnswer)
	if err := answer.UnmarshalVT(data); err != nil {
		return nil, fmt.Errorf("decode access answer: %w", err)
	}
	return answer, nil
}

func (a *Access) kept(revision schemas.Revision, key string) *schemas.AccessAnswer {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.revision != revision {
		return nil
	}
	return a.answers[key]
}

// maxKept bounds the answers kept; past it they are asked for anew.
const maxKept = 10_000

func (a *Access) keep(revision schemas.Revision, key string, answer *schemas.AccessAnswer) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.revision != revision || len(a.answers) >= maxKept {
		a.revision, a.answers = revision, make(map[string]*schemas.AccessAnswer)
	}
	a.answers[key] = answer
}
