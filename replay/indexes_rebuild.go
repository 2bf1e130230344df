package replay

import (
	"context"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"sallyport/schemas"
)

// Name is what a rebuild calls this projection.
func (x *Indexes) Name() string { return "player" }

// Rebuild makes every stored index again, from the log, as far as it had come, and replaces those
// that are not what the log gives.
func (x *Indexes) Rebuild(ctx context.Context, tell Tell) (RebuildReport, error) {
	report := RebuildReport{Projection: x.Name(), Equal: true}
	files, err := filepath.Glob(filepath.Join(x.c.Dir, "*.index"))
	if err != nil {
		return report, fmt.Errorf("rebuild %s: %w", x.Name(), err)
	}
	indexed, total := make([]Session, 0, len(files)), uint64(0)
	for _, path := range files {
		id := schemas.SessionID(strings.TrimSuffix(filepath.Base(path), ".index"))
		one, err := x.c.Sessions.Get(ctx, id)
		if err != nil {
			report.differ(fmt.Sprintf("%s: it is not of a session that is listed", id))
			continue
		}
		indexed, total = append(indexed, one), total+one.LastNumber
	}
	done := uint64(0)
	for _, one := range indexed {
		report.Entries++
		differs, err := x.again(ctx, one, func(number uint64) { tell(entriesRead, done+number, total) })
		if err != nil {
			return report, fmt.Errorf("rebuild %s of session %s: %w", x.Name(), one.ID, err)
		}
		if differs != "" {
			report.differ(string(one.ID) + ": " + differs)
			report.Appended++
		}
		done += one.LastNumber
		tell(entriesRead, done, total)
	}
	return report, nil
}

// stretch is after how many entries it is told how far an index is.
const stretch = 20000

// again compares one, and replaces it where it differs.
func (x *Indexes) again(ctx context.Context, one Session, tell func(number uint64)) (differs string, err error) {
	held, path := x.hold(one.ID), x.path(one.ID)
	held.mu.Lock()
	defer held.mu.Unlock()
	stored, err := readIndex(path)
	spacing := x.c.Spacing
	if err != nil || stored.Version != indexVersion || stored.Session != one.ID {
		differs, stored = "it cannot be read", nil
	}
	to := uint64(0)
	if stored != nil {
		spacing = stored.Spacing // whoever looks next has it made anew, where that is another by now
		to = max(stored.Number, 1)
	}
	fresh := newIndex(one.ID, spacing)
	for at := uint64(stretch); at < one.LastNumber && (to == 0 || at < to); at += stretch {
		if err := x.advance(ctx, fresh, one, at); err != nil {
			return "", err
		}
		tell(at)
	}
	if err := x.advance(ctx, fresh, one, to); err != nil {
		return "", err
	}
	if stored != nil {
		differs = stored.unlike(fresh)
	}
	if differs == "" {
		return "", nil
	}
	held.index, held.stored = fresh, fresh.Number
	if spacing != x.c.Spacing {
		held.index = nil
	}
	return differs, writeIndex(path, fresh)
}

// unlike says in what two indexes up to the same entry differ. Drawings may differ in their bytes
// and show the same, so keyframes are compared by their places.
func (x *Index) unlike(y *Index) string {
	switch {
	case x.Number != y.Number:
		return fmt.Sprintf("it ends at entry %d, the log at %d", x.Number, y.Number)
	case x.First != y.First || x.Last != y.Last || x.Closed != y.Closed:
		return "its times are others"
	case x.Commands != y.Commands || !reflect.DeepEqual(x.Places, y.Places):
		return "its commands are others"
	case !reflect.DeepEqual(x.Activity, y.Activity):
		return "its activity is another"
	case x.AlertsOut != y.AlertsOut || !reflect.DeepEqual(x.Alerts, y.Alerts):
		return "its alerts are others"
	case !slices.Equal(x.Conceals, y.Conceals):
		return "what it conceals is other"
	case !reflect.DeepEqual(places(x.Keyframes), places(y.Keyframes)):
		return "its keyframes are others"
	}
	return ""
}

func places(s sparse[Keyframe]) (out [][2]uint64) {
	for _, k := range s.Items {
		out = append(out, [2]uint64{k.Number, uint64(len(k.Terminals))})
	}
	return out
}
