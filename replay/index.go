package replay

import (
	"cmp"
	"slices"
	"time"

	"sallyport/schemas"
	"sallyport/schemas/journal"
)

// Index is what a player needs to know of a recording before it has read any of it, and what lets
// it begin anywhere: what went on when, what is worth looking at, and keyframes. It is a fold over
// the entries of a session, in order, and bounded however long the session is: when a part is full
// every other item goes, and what remains is further apart.
type Index struct {
	Version   int
	Spacing   Spacing // that its keyframes were made with
	Session   schemas.SessionID
	Number    uint64 // last entry that is in
	First     int64  // time of the first entry, nanoseconds since 1970
	Last      int64  // greatest time of an entry, since First
	Closed    bool
	Commands  uint64
	Facts     bool // only facts were read: the protocol has no terminals
	Activity  Activity
	Places    sparse[Place]    // commands
	Alerts    []Alert          // the first ones
	AlertsOut uint64           // that are not in Alerts
	Keyframes sparse[Keyframe] // of terminals
	Sized     bool             // some command has a terminal
	Conceals  []uint64         // commands of which something is concealed, in order: the first ones
	Resume    Keyframe         // what the terminals show after Number; made when the index is put away

	Since struct { // the last keyframe that was due
		Bytes, Entries int
		At             int64
	}

	terminals map[uint64]*followed // by command
}

// indexVersion changes with what the fold makes of the same entries.
const indexVersion = 3

// Bounds of an index.
const (
	mostBuckets   = 1024
	mostPlaces    = 4096
	mostAlerts    = 5000
	mostKeyframes = 1024
	mostConceals  = 4096
)

// Spacing is when a keyframe is made: what a player has to read after one is bounded by these. What is zero is the default.
type Spacing struct {
	Bytes   int           // of output; 128 KiB by default
	Entries int           // 400 by default
	Every   time.Duration // where there is output; a minute by default
}

func (s Spacing) whole() Spacing {
	return Spacing{Bytes: cmp.Or(s.Bytes, 128<<10), Entries: cmp.Or(s.Entries, 400), Every: cmp.Or(s.Every, time.Minute)}
}

// Place is where a command is.
type Place struct {
	Ordinal uint64 // of the command, from 1
	Number  uint64
	At      int64 // nanoseconds since the first entry
}

// Alert is an entry that somebody ought to look at.
type Alert struct {
	Number uint64
	At     int64
	What   string // denied, held, error, killed
}

// sparse keeps at most most items: when it is full every other one goes, and from then on only
// every second, fourth … is kept.
type sparse[T any] struct {
	Items  []T
	Stride uint64 // of items that come, one is kept
	Seen   uint64
}

func (s *sparse[T]) add(item T, most int) {
	if s.Stride == 0 {
		s.Stride = 1
	}
	if s.Seen%s.Stride == 0 {
		s.Items = append(s.Items, item)
	}
	s.Seen++
	if len(s.Items) < most {
		return
	}
	for i := range len(s.Items) / 2 {
		s.Items[i] = s.Items[2*i]
	}
	s.Items = slices.Clip(s.Items[:(len(s.Items)+1)/2])
	s.Stride *= 2
}

// Activity is what went on, in equal stretches of time.
type Activity struct {
	Bucket   int64 // length of a stretch, nanoseconds
	In, Out  []uint64
	Commands []uint64
	Risk     []byte // worst of a stretch: 0 none, 1 error, 2 held, 3 denied
}

// firstBucket is the length of a stretch at first, nanoseconds.
const firstBucket = int64(250 * time.Millisecond)

// Ranks of Activity.Risk.
const (
	riskError  = 1
	riskHeld   = 2
	riskDenied = 3
)

// at returns the stretch that a time is in, and makes room for it.
func (a *Activity) at(t int64) int {
	if a.Bucket == 0 {
		a.Bucket = firstBucket
	}
	for t/a.Bucket >= mostBuckets {
		a.Bucket *= 2
		a.In, a.Out, a.Commands = halved(a.In), halved(a.Out), halved(a.Commands)
		for i := range a.Risk {
			if i%2 == 0 {
				a.Risk[i/2] = a.Risk[i]
			} else {
				a.Risk[i/2] = max(a.Risk[i/2], a.Risk[i])
			}
		}
		a.Risk = a.Risk[:(len(a.Risk)+1)/2]
	}
	i := int(t / a.Bucket)
	for len(a.In) <= i {
		a.In, a.Out, a.Commands, a.Risk = append(a.In, 0), append(a.Out, 0), append(a.Commands, 0), append(a.Risk, 0)
	}
	return i
}

// halved adds up pairs.
func halved(s []uint64) []uint64 {
	for i, n := range s {
		if i%2 == 0 {
			s[i/2] = n
		} else {
			s[i/2] += n
		}
	}
	return s[:(len(s)+1)/2]
}

func newIndex(id schemas.SessionID, spacing Spacing) *Index {
	return &Index{Version: indexVersion, Session: id, Spacing: spacing}
}

// time is when an entry was, since the first; a clock that went back stands still.
func (x *Index) time(l journal.Located) int64 {
	n := at(l).UnixNano()
	if x.Number == 0 {
		x.First = n
	}
	x.Last = max(x.Last, n-x.First)
	return x.Last
}

// fold adds an entry.
func (x *Index) fold(l journal.Located) {
	e := l.Entry
	if e.GetNumber() <= x.Number {
		return
	}
	t := x.time(l)
	x.Number = e.GetNumber()
	x.Since.Entries++
	switch k := e.GetKind().(type) {
	case *schemas.Entry_Opened:
		x.Facts = !terminals(k.Opened.GetProtocol())
	case *schemas.Entry_Command:
		x.Commands++
		i := x.Activity.at(t) // makes room first
		x.Activity.Commands[i]++
		x.Places.add(Place{Ordinal: x.Commands, Number: x.Number, At: t}, mostPlaces)
	case *schemas.Entry_Verdict:
		switch k.Verdict.GetOutcome() {
		case schemas.Outcome_OUTCOME_DENY:
			x.alert(t, "denied", riskDenied)
		case schemas.Outcome_OUTCOME_HOLD:
			x.alert(t, "held", riskHeld)
		}
	case *schemas.Entry_Result:
		x.result(k.Result, t)
	case *schemas.Entry_Closed:
		x.Closed = true
		if k.Closed.GetReason() == "killed" {
			x.alert(t, "killed", riskDenied)
		}
	case *schemas.Entry_Bytes:
		x.bytes(k.Bytes, t)
	case *schemas.Entry_Terminal:
		x.sized(k.Terminal)
	case *schemas.Entry_Concealed:
		x.conceals(k.Concealed.GetCommand())
	}
	x.keyframe(t)
}

// terminals reports whether what a protocol shows is more than its facts tell.
func terminals(protocol string) bool { return protocol != "postgres" && protocol != "mysql" }

// conceals notes that something of a command is concealed: how much is on record only when it ends, which a shell may do hours later.
func (x *Index) conceals(command uint64) {
	if i, there := slices.BinarySearch(x.Conceals, command); !there && len(x.Conceals) < mostConceals {
		x.Conceals = slices.Insert(x.Conceals, i, command)
	}
}

func (x *Index) alert(t int64, what string, risk byte) {
	i := x.Activity.at(t)
	x.Activity.Risk[i] = max(x.Activity.Risk[i], risk)
	if len(x.Alerts) == mostAlerts {
		x.AlertsOut++
		return
	}
	x.Alerts = append(x.Alerts, Alert{Number: x.Number, At: t, What: what})
}

func (x *Index) result(r *schemas.Result, t int64) {
	if x.Facts { // else the bytes themselves were counted
		i := x.Activity.at(t)
		x.Activity.In[i] += r.GetBytesIn()
		x.Activity.Out[i] += r.GetBytes()
	}
	if r.GetError() != nil && !r.GetRefused() {
		x.alert(t, "error", riskError)
	}
	x.ended(r)
}
