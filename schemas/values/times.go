package values

import (
	"fmt"
	"math"
	"strings"
	"time"
)

var epoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

func renderDate(r *reader) string {
	d := r.int32()
	switch {
	case d == math.MaxInt32:
		return "infinity"
	case d == math.MinInt32:
		return "-infinity"
	}
	t := epoch.AddDate(0, 0, d)
	return day(t) + era(t)
}

func renderTimestamp(r *reader) string   { return timestamp(r, "") }
func renderTimestampTZ(r *reader) string { return timestamp(r, "+00") }

func timestamp(r *reader, zone string) string {
	us := int64(r.uint64())
	switch us {
	case math.MaxInt64:
		return "infinity"
	case math.MinInt64:
		return "-infinity"
	}
	t := time.Unix(epoch.Unix()+us/1e6, us%1e6*1000).UTC()
	return day(t) + " " + clock(int64(t.Hour()*3600+t.Minute()*60+t.Second())*1e6+int64(t.Nanosecond()/1000)) + zone + era(t)
}

// day counts years before Christ from 1, as PostgreSQL does.
func day(t time.Time) string {
	y := t.Year()
	if y <= 0 {
		y = 1 - y
	}
	return fmt.Sprintf("%04d-%02d-%02d", y, int(t.Month()), t.Day())
}

func era(t time.Time) string {
	if t.Year() <= 0 {
		return " BC"
	}
	return ""
}

// clock writes microseconds, which are not negative, as hours, minutes and seconds.
func clock(us int64) string {
	s := fmt.Sprintf("%02d:%02d:%02d", us/3600e6, us/60e6%60, us/1e6%60)
	if f := us % 1e6; f != 0 {
		s += strings.TrimRight(fmt.Sprintf(".%06d", f), "0")
	}
	return s
}

func renderTime(r *reader) string {
	us := int64(r.uint64())
	if us < 0 || us > 24*3600e6 {
		r.bad = true
		return ""
	}
	return clock(us)
}

// renderTimeTZ is a time and the seconds that its zone lies west of UTC.
func renderTimeTZ(r *reader) string {
	s, west := renderTime(r), r.int32()
	sign := '+'
	if west > 0 {
		sign = '-'
	} else {
		west = -west
	}
	s += fmt.Sprintf("%c%02d", sign, west/3600)
	if west%3600 != 0 {
		s += fmt.Sprintf(":%02d", west/60%60)
	}
	if west%60 != 0 {
		s += fmt.Sprintf(":%02d", west%60)
	}
	return s
}

// renderInterval writes IntervalStyle postgres: a part after a negative one has its sign.
func renderInterval(r *reader) string {
	us, days, months := int64(r.uint64()), r.int32(), r.int32()
	var parts []string
	negative := false
	add := func(n int, unit string) {
		if n == 0 {
			return
		}
		sign, plural := "", "s"
		if negative && n > 0 {
			sign = "+"
		}
		if n == 1 {
			plural = ""
		}
		parts = append(parts, fmt.Sprintf("%s%d %s%s", sign, n, unit, plural))
		negative = n < 0
	}
	add(months/12, "year")
	add(months%12, "mon")
	add(days, "day")
	if us == 0 && len(parts) > 0 {
		return strings.Join(parts, " ")
	}
	sign := ""
	switch {
	case us == math.MinInt64:
		r.bad = true
	case us < 0:
		sign, us = "-", -us
	case negative:
		sign = "+"
	}
	return strings.Join(append(parts, sign+clock(max(us, 0))), " ")
}
