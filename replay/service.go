package replay

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"sallyport/schemas"
	"sallyport/schemas/journal"
	"sallyport/schemas/problem"
)

// Authorizer says whether the principal whose request ctx belongs to may do something: replay,
// watch, kill or admin on a target. The target "" stands for all of Sallyport. It returns nil
// for yes, and an error that the user may read for no.
type Authorizer interface {
	Authorize(ctx context.Context, permission, target string) error
}

// Confirmer asks the principal whose request ctx belongs to for more than a permission, such as to have proved not long ago
// that it is them. It is asked once they are permitted, and returns nil when they may go on.
type Confirmer interface {
	Reveal(ctx context.Context) error
	Kill(ctx context.Context) error
}

// Config is what New needs.
type Config struct {
	Log          *journal.Log
	Sessions     *Sessions
	Indexes      *Indexes // what players seek with; nil: they cannot
	Authorizer   Authorizer
	Confirmer    Confirmer                                    // nil: a permission is enough
	Revealer     Revealer                                     // nil: nothing concealed is revealed
	Who          func(ctx context.Context) string             // name of the principal, for the record
	Reader       func(ctx context.Context) *schemas.Principal // who asks
	Runs         *Runs                                        // nil: runs are not listed
	Projections  []Projection                                 // what a rebuild covers
	Origins      []string                                     // "https://host": from which browsers may open websockets, besides the host that they ask
	WriteTimeout time.Duration                                // a viewer that takes nothing for so long is dropped; 30 s by default
	PingEvery    time.Duration                                // 20 s by default
	Reauthorize  time.Duration                                // how often a long answer is authorised again; 30 s by default
	Logger       *slog.Logger
	Now          func() time.Time // time.Now by default
}

// Service answers the read side of the API.
type Service struct {
	Config
	viewed  recent
	said    remembered
	rebuild rebuilding
}

// New returns a Service.
func New(c Config) *Service {
	c.WriteTimeout = cmp.Or(c.WriteTimeout, 30*time.Second)
	c.PingEvery = cmp.Or(c.PingEvery, 20*time.Second)
	c.Reauthorize = cmp.Or(c.Reauthorize, 30*time.Second)
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	return &Service{Config: c}
}

// Mount adds the routes to a mux that stands behind authentication.
func (s *Service) Mount(mux *http.ServeMux) {
	for pattern, f := range map[string]func(http.ResponseWriter, *http.Request) error{
		"GET /api/v1/sessions":              s.list,
		"GET /api/v1/sessions/{id}":         s.get,
		"GET /api/v1/runs":                  s.listRuns,
		"GET /api/v1/runs/{id}":             s.getRun,
		"GET /api/v1/sessions/{id}/entries": s.entries,
		"GET /api/v1/sessions/{id}/play":    s.play,
		"GET /api/v1/sessions/{id}/export":  s.export,
		"GET /api/v1/sessions/{id}/verify":  s.verifyOne,
		"POST /api/v1/sessions/{id}/kill":   s.kill,

		"POST /api/v1/sessions/{id}/reveal": s.reveal,

		"GET /api/v1/sessions/{id}/files":           s.files,
		"GET /api/v1/sessions/{id}/files/{command}": s.takeFile,

		"GET /api/v1/sessions/{id}/index":    s.index,
		"GET /api/v1/sessions/{id}/keyframe": s.keyframe,
		"GET /api/v1/sessions/{id}/moments":  s.moments,

		"POST /api/v1/sessions/{id}/message":                    s.message,
		"POST /api/v1/sessions/{id}/pause":                      s.pause,
		"POST /api/v1/sessions/{id}/resume":                     s.resume,
		"GET /api/v1/sessions/{id}/remarks":                     s.remarks,
		"POST /api/v1/sessions/{id}/annotations":                s.annotate,
		"DELETE /api/v1/sessions/{id}/annotations/{annotation}": s.removeAnnotation,

		"GET /api/v1/events":   s.events,
		"GET /api/v1/verify":   s.verifyAll,
		"POST /api/v1/rebuild": s.rebuildAll,
	} {
		mux.HandleFunc(pattern, s.handle(f))
	}
}

// handle answers what f returns as a problem document. An f that has begun its answer handles its
// errors itself.
func (s *Service) handle(f func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := f(w, r); err != nil {
			problem.Write(w, r, s.Logger, shown(err))
		}
	}
}

// shown is err as the reader sees it.
func shown(err error) error {
	if errors.Is(err, journal.ErrNotFound) {
		return &schemas.Error{Code: schemas.CodeNotFound, Message: "there is no such session"}
	}
	return err
}

func reply[T any](w http.ResponseWriter, v T) error {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(append(data, '\n')) // the client is gone when this fails
	return nil
}

func invalid(format string, args ...any) error {
	return &schemas.Error{Code: schemas.CodeInvalid, Message: fmt.Sprintf(format, args...)}
}

// number reads a query parameter between 1 and most.
func number(r *http.Request, name string, otherwise, most uint64) (uint64, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || n < 1 {
		return 0, invalid("%s is %q: it must be a number from 1 on", name, text)
	}
	return min(n, most), nil
}

// permission is what looking at a session needs.
func permission(one Session) string {
	if one.Open {
		return "watch"
	}
	return "replay"
}

// confirm has who is permitted confirm what they are about to do.
func (s *Service) confirm(ctx context.Context, what func(Confirmer, context.Context) error) error {
	if s.Confirmer == nil {
		return nil
	}
	return what(s.Confirmer, ctx)
}

// session returns the session that a request names, once its reader is authorised. Who may not
// see it learns nothing but that.
func (s *Service) session(r *http.Request, need func(Session) string) (Session, error) {
	one, err := s.Sessions.Get(r.Context(), schemas.SessionID(r.PathValue("id")))
	if err != nil {
		return one, err
	}
	return one, s.Authorizer.Authorize(r.Context(), need(one), one.Target)
}
