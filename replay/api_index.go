package replay

import (
	"context"
	"math"
	"net/http"
	"slices"
	"strconv"
	"time"

	"sallyport/schemas"
)

// IndexAnswer is an [Index] as the API speaks it. Times are milliseconds since the first entry.
type IndexAnswer struct {
	Number      uint64        `json:"number"` // last entry that is in
	First       time.Time     `json:"first"`
	LastMS      float64       `json:"last_ms"`
	Open        bool          `json:"open"`
	Commands    uint64        `json:"commands"`
	Keyframes   int           `json:"keyframes"`
	BucketMS    float64       `json:"bucket_ms"` // length of a stretch of the lists that follow
	Input       []uint64      `json:"input"`     // bytes
	Output      []uint64      `json:"output"`
	Activity    []uint64      `json:"activity"` // commands
	Risk        []int         `json:"risk"`     // 0 none, 1 error, 2 held, 3 denied
	Alerts      []AlertAnswer `json:"alerts"`
	AlertsOut   uint64        `json:"alerts_left_out"`
	HasTerminal bool          `json:"terminal"` // some of it is to be seen on a terminal
}

// AlertAnswer is an [Alert] as the API speaks it.
type AlertAnswer struct {
	Number uint64  `json:"number"`
	AtMS   float64 `json:"at_ms"`
	What   string  `json:"what"` // denied, held, error, killed
}

// KeyframeAnswer is where a player begins: entries after Number are to be applied to what the
// terminals show.
type KeyframeAnswer struct {
	Number    uint64       `json:"number"`
	AtMS      float64      `json:"at_ms"`
	Current   uint64       `json:"current"` // command whose terminal was written last
	Terminals []ShotAnswer `json:"terminals"`
}

// ShotAnswer is a terminal; Drawing, written to a fresh one, draws it.
type ShotAnswer struct {
	Command uint64 `json:"command"`
	Columns int    `json:"columns"`
	Rows    int    `json:"rows"`
	Drawing []byte `json:"drawing"`
}

// indexed authorises the reader, records the reading, and looks at the index.
func (s *Service) indexed(r *http.Request, f func(Session, *Index) error) error {
	one, err := s.session(r, permission)
	if err != nil {
		return err
	}
	if s.Indexes == nil {
		return &schemas.Error{Code: schemas.CodeUnsupported, Message: "this server keeps no index for players"}
	}
	if err := s.viewOnce(r.Context(), one, viewEntries); err != nil {
		return err
	}
	return s.Indexes.Look(r.Context(), one, func(i *Index) error { return f(one, i) })
}

// index answers GET /sessions/{id}/index.
func (s *Service) index(w http.ResponseWriter, r *http.Request) error {
	var answer IndexAnswer
	err := s.indexed(r, func(one Session, i *Index) error {
		answer = i.answer(one)
		return nil
	})
	if err != nil {
		return err
	}
	return reply(w, answer)
}

// keyframe answers GET /sessions/{id}/keyframe?at=MS or ?number=N: the last keyframe that is not
// behind the time, or the entry. Without one it is the beginning.
func (s *Service) keyframe(w http.ResponseWriter, r *http.Request) error {
	before, err := moment(r)
	if err != nil {
		return err
	}
	answer := KeyframeAnswer{Terminals: []ShotAnswer{}}
	err = s.indexed(r, func(_ Session, i *Index) error {
		items := i.Keyframes.Items
		n, _ := slices.BinarySearchFunc(items, true, func(k Keyframe, _ bool) int {
			if before(k.Number, k.At) {
				return -1
			}
			return 1
		})
		if n == 0 {
			return nil
		}
		var err error
		answer, err = items[n-1].answer()
		return err
	})
	if err != nil {
		return err
	}
	return reply(w, answer)
}

// moment reads at (milliseconds) or number from a request, and returns what is not behind it.
func moment(r *http.Request) (before func(number uint64, at int64) bool, err error) {
	if text := r.URL.Query().Get("at"); text != "" {
		ms, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsNaN(ms) || ms < 0 || ms > 1e15 {
			return nil, invalid("at is %q: it must be milliseconds since the first entry", text)
		}
		limit := int64(ms * float64(time.Millisecond))
		return func(_ uint64, at int64) bool { return at <= limit }, nil
	}
	n, err := number(r, "number", math.MaxUint64, math.MaxUint64)
	if err != nil {
		return nil, err
	}
	return func(number uint64, _ int64) bool { return number <= n }, nil
}

// moments answers GET /sessions/{id}/moments?from=N, ?before=N or ?at=MS, &limit=200: what a player lists.
// before gives the moments that end before an entry; at those from the last command before it on.
func (s *Service) moments(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	limit, err := number(r, "limit", 200, 1000)
	if err != nil {
		return err
	}
	from, err := number(r, "from", 1, 1<<62)
	if err != nil {
		return err
	}
	var before uint64
	if q.Has("before") {
		if before, err = number(r, "before", 1, 1<<62); err != nil {
			return err
		}
	}
	not, err := moment(r)
	if err != nil {
		return err
	}
	var first int64
	var one Session
	var places sparse[Place]
	var conceals []uint64
	err = s.indexed(r, func(session Session, i *Index) error {
		one, first, conceals = session, i.First, slices.Clone(i.Conceals)
		if before > 0 {
			places = i.Places
			places.Items = slices.Clone(places.Items)
		} else if q.Has("at") {
			n, _ := slices.BinarySearchFunc(i.Places.Items, true, func(p Place, _ bool) int {
				if not(p.Number, p.At) {
					return -1
				}
				return 1
			})
			if n > 0 {
				from = i.Places.Items[n-1].Number
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	answer := struct {
		Moments []*Moment `json:"moments"`
		Next    uint64    `json:"next"`
	}{}
	if before > 0 {
		answer.Moments, err = s.momentsBefore(r.Context(), one, first, places, before, int(limit))
		answer.Next = before
	} else {
		answer.Moments, answer.Next, err = momentsFrom(r.Context(), s.Log, one.ID, first, from, 0, int(limit))
	}
	if err != nil {
		return err
	}
	for _, m := range answer.Moments {
		_, m.Conceals = slices.BinarySearch(conceals, m.Number)
	}
	answer.Moments = list(answer.Moments)
	return reply(w, answer)
}

// momentsBefore reads, from one known place after the other backwards, until there are enough.
func (s *Service) momentsBefore(ctx context.Context, one Session, first int64, places sparse[Place], before uint64, most int) ([]*Moment, error) {
	var found []*Moment
	for before > 1 && len(found) < most {
		i, _ := slices.BinarySearchFunc(places.Items, before, func(p Place, n uint64) int {
			if p.Number < n {
				return -1
			}
			return 1
		})
		from := uint64(1)
		if i -= 1 + most/int(max(places.Stride, 1)); i > 0 { // there are Stride commands from one to the next
			from = places.Items[i].Number
		}
		part, _, err := momentsFrom(ctx, s.Log, one.ID, first, from, before, math.MaxInt)
		if err != nil {
			return nil, err
		}
		found = append(part, found...)
		if from == 1 {
			break
		}
		before = from
	}
	return found[max(0, len(found)-most):], nil
}
