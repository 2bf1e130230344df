package resources

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Approval says whose consent a hold, or access for a time, needs.
type Approval struct {
	Any        []Reviewers `json:"any,omitempty" doc:"one of these suffices"`
	All        []Reviewers `json:"all,omitempty" doc:"each of these is needed"`
	Steps      []Step      `json:"steps,omitempty" doc:"instead of any and all: each is needed, one after the other, from different people"`
	Expires    Duration    `json:"expires,omitempty" doc:"how long the request, and then the approval, holds"`
	Reason     string      `json:"reason,omitempty" schema:"enum=required" doc:"required: reviewers must say why"`
	Starter    bool        `json:"starter,omitempty" doc:"the person who started an agent may review what it asks for"`
	Auto       string      `json:"auto,omitempty" doc:"CEL expression, as in when: where it is true the policy itself consents, and nobody is asked for it"`
	StepUp     bool        `json:"stepUp,omitempty" doc:"who approves must have proved with a passkey, not long ago, that it is them"`
	BreakGlass []string    `json:"breakGlass,omitempty" doc:"groups whose members may let their own command run without consent; it is told loudly, and reviewed afterwards"`
}

// ReasonRequired is the value of Approval.Reason that asks reviewers for one.
const ReasonRequired = "required"

// Reviewers is a number of people out of groups, or agents.
type Reviewers struct {
	Groups []string `json:"groups,omitempty" doc:"groups of which a reviewer must be in one; *: everybody who may review the target"`
	Agents []string `json:"agents,omitempty" doc:"agents that count as well, by name"`
	Count  int      `json:"count,omitempty" schema:"min=1" doc:"how many reviewers; 1 by default"`
	Hours  *Hours   `json:"hours,omitempty" doc:"they count only when they review within these"`
}

// Step is one of several that are taken in order.
type Step struct {
	Any      []Reviewers `json:"any,omitempty" doc:"one of these suffices"`
	All      []Reviewers `json:"all,omitempty" doc:"each of these is needed"`
	Within   Duration    `json:"within,omitempty" doc:"time that they have, from the step before; after it the request expires, unless others may take the step"`
	Escalate []Reviewers `json:"escalate,omitempty" doc:"after within, one of these suffices as well"`
}

// Hours are times of day.
type Hours struct {
	Days []string `json:"days,omitempty" schema:"enum=mon|tue|wed|thu|fri|sat|sun" doc:"on which they begin; all by default"`
	From string   `json:"from" schema:"required" doc:"09:00"`
	To   string   `json:"to" schema:"required" doc:"17:30; not after from: on the day after"`
	Zone string   `json:"zone,omitempty" doc:"whose clocks: Europe/Berlin; UTC by default"`
}

// Request says how members come by a role that they do not have.
type Request struct {
	Approval *Approval `json:"approval,omitempty" doc:"whose consent it needs; without it, one person who may review the target"`
	Longest  Duration  `json:"longest,omitempty" doc:"longest time that may be asked for; 8h by default"`
}

// DefaultLongest is Request.Longest when it is not set.
const DefaultLongest = 8 * time.Hour

// Minutes returns from and to as minutes after midnight.
func (h *Hours) Minutes() (from, to int, err error) {
	if from, err = minutes(h.From); err != nil {
		return 0, 0, err
	}
	to, err = minutes(h.To)
	return from, to, err
}

func minutes(clock string) (int, error) {
	hour, minute, ok := strings.Cut(clock, ":")
	h, errHour := strconv.ParseUint(hour, 10, 8)
	m, errMinute := strconv.ParseUint(minute, 10, 8)
	if !ok || errHour != nil || errMinute != nil || len(hour) != 2 || len(minute) != 2 || h > 24 || m > 59 || h == 24 && m > 0 {
		return 0, fmt.Errorf("%q is not a time of day such as 09:00 or 17:30", clock)
	}
	return int(h*60 + m), nil
}

// Weekdays returns the days as numbers, 0 for Sunday.
func (h *Hours) Weekdays() []uint32 {
	var out []uint32
	for _, d := range h.Days {
		if i := strings.Index("sunmontuewedthufrisat", d); i >= 0 && i%3 == 0 {
			out = append(out, uint32(i/3))
		}
	}
	return out
}

// approval checks one, at a path.
func (c *checker) approval(a *Approval, at string) {
	if a == nil {
		return
	}
	if a.Expires < 0 {
		c.fail(at+".expires", "must be more than zero")
	}
	if len(a.Steps) > 0 && len(a.Any)+len(a.All) > 0 {
		c.fail(at+".steps", "stands instead of any and all")
	}
	c.reviewers(a.Any, at+".any")
	c.reviewers(a.All, at+".all")
	for i, s := range a.Steps {
		at := fmt.Sprintf("%s.steps[%d]", at, i)
		if len(s.Any)+len(s.All) == 0 {
			c.fail(at, "any or all must say who takes it")
		}
		if len(s.Escalate) > 0 && s.Within == 0 {
			c.fail(at+".escalate", "needs within: after how long")
		}
		c.reviewers(s.Any, at+".any")
		c.reviewers(s.All, at+".all")
		c.reviewers(s.Escalate, at+".escalate")
	}
}

func (c *checker) reviewers(rs []Reviewers, at string) {
	for i, r := range rs {
		at := fmt.Sprintf("%s[%d]", at, i)
		if len(r.Groups)+len(r.Agents) == 0 {
			c.fail(at, "groups or agents must say who")
		}
		if r.Hours == nil {
			continue
		}
		if _, _, err := r.Hours.Minutes(); err != nil {
			c.fail(at+".hours", "%v", err)
		}
		if r.Hours.Zone == "Local" {
			c.fail(at+".hours.zone", "%q is not a time zone", r.Hours.Zone)
		}
	}
}
