package approval

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"sallyport/schemas"
)

// during reports whether a moment is within office hours, by the clocks that the request named.
func (s State) during(h *schemas.OfficeHours, at time.Time) bool {
	local := at.UTC().Add(time.Duration(s.offset(h.GetZone(), at)) * time.Second)
	minute, day := uint32(local.Hour()*60+local.Minute()), uint32(local.Weekday())
	on := func(d uint32) bool { return len(h.GetDays()) == 0 || slices.Contains(h.GetDays(), d) }
	if h.GetFrom() < h.GetTo() {
		return on(day) && h.GetFrom() <= minute && minute < h.GetTo()
	}
	return on(day) && minute >= h.GetFrom() || on((day+6)%7) && minute < h.GetTo()
}

// offset is how many seconds a zone is ahead of UTC.
func (s State) offset(zone string, at time.Time) (seconds int32) {
	for _, z := range s.Zones {
		if z.GetZone() == zone && !at.Before(time.Unix(0, z.GetFrom())) {
			seconds = z.GetOffset()
		}
	}
	return seconds
}

// Zones returns the offsets, from one moment to another, of the time zones that a need names.
func Zones(need *schemas.ApprovalNeed, from, to time.Time) ([]*schemas.ZoneOffset, error) {
	var out []*schemas.ZoneOffset
	seen := map[string]bool{"": true}
	for _, g := range entries(need) {
		name := g.GetHours().GetZone()
		if seen[name] {
			continue
		}
		seen[name] = true
		zone, err := time.LoadLocation(name)
		if err != nil {
			return nil, fmt.Errorf("time zone %q: %w", name, err)
		}
		for at := from; ; {
			local := at.In(zone)
			_, offset := local.Zone()
			out = append(out, &schemas.ZoneOffset{Zone: name, From: at.UnixNano(), Offset: int32(offset)})
			_, end := local.ZoneBounds()
			if end.IsZero() || end.After(to) {
				break
			}
			at = end
		}
	}
	return out, nil
}

// entries are all entries of all rules.
func entries(need *schemas.ApprovalNeed) (all []*schemas.ApprovalReviewers) {
	for _, r := range need.GetRules() {
		all = append(all, slices.Concat(r.GetAny(), r.GetAll())...)
		for _, step := range r.GetSteps() {
			all = append(all, slices.Concat(step.GetAny(), step.GetAll(), step.GetEscalate())...)
		}
	}
	return all
}

// week has three letters for each day.
const week = "sunmontuewedthufrisat"

// Hours writes office hours for people: "mon tue 09:00–17:30 Europe/Berlin".
func Hours(h *schemas.OfficeHours) string {
	var parts []string
	for _, d := range h.GetDays() {
		parts = append(parts, week[d%7*3:d%7*3+3])
	}
	clock := func(m uint32) string { return fmt.Sprintf("%02d:%02d", m/60, m%60) }
	zone := h.GetZone()
	if zone == "" {
		zone = "UTC"
	}
	return strings.Join(append(parts, clock(h.GetFrom())+"–"+clock(h.GetTo()), zone), " ")
}
