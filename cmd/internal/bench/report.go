package main

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
)

// suite is what is measured in front of one server.
type suite struct {
	title     string
	other     string // the path beside direct and Sallyport's
	paths     []path
	workloads []workload
	start     func(context.Context, *suite) error // of the server, and of what makes the paths but Sallyport's
	results   map[string]map[string][]float64     // by workload, by path
	notes     []string
}

func (s *suite) add(w workload, p path, value float64) {
	if s.results == nil {
		s.results = make(map[string]map[string][]float64)
	}
	if s.results[w.name] == nil {
		s.results[w.name] = make(map[string][]float64)
	}
	s.results[w.name][p.name] = append(s.results[w.name][p.name], value)
}

// report prints a table in Markdown: medians with their spread, and ratios of medians. A ratio is
// Sallyport to the other for times, and likewise for throughput.
func (s *suite) report(w io.Writer) {
	fmt.Fprintf(w, "\n%s: %d processors, %s\n\n", s.title, runtime.NumCPU(), runtime.Version())
	head, others := "| workload | unit |", s.paths[:len(s.paths)-1]
	for _, p := range s.paths {
		head += " " + p.name + " |"
	}
	for _, p := range others {
		head += " to " + p.name + " |"
	}
	fmt.Fprintf(w, "%s\n|%s\n", head, strings.Repeat("---|", strings.Count(head, "|")-1))
	for _, l := range s.workloads {
		r := s.results[l.name]
		fmt.Fprintf(w, "| %s | %s |", l.name, l.unit)
		for _, p := range s.paths {
			fmt.Fprintf(w, " %s |", spread(r[p.name]))
		}
		for _, p := range others {
			fmt.Fprintf(w, " %s |", ratio(l, r[sallyport], r[p.name]))
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintln(w, "\nEach figure is the median of the rounds (least–most). A ratio is of medians: for ms, how many times\nas long; for tps and for bulk in brackets, how much of the other's speed. What begins with + is a difference.")
	for _, n := range s.notes {
		fmt.Fprintln(w, "\n"+n)
	}
}

func ratio(l workload, a, b []float64) string {
	if len(a) == 0 || len(b) == 0 {
		return "–"
	}
	if l.added {
		return fmt.Sprintf("%+.3f", median(a)-median(b))
	}
	r := median(a) / median(b)
	if l.versus == direct {
		return fmt.Sprintf("%.2f (%.2f of its speed)", r, 1/r)
	}
	return fmt.Sprintf("%.2f", r)
}

func spread(v []float64) string {
	if len(v) == 0 {
		return "–"
	}
	f := "%.0f (%.0f–%.0f)"
	if median(v) < 10 {
		f = "%.3f (%.3f–%.3f)"
	}
	return fmt.Sprintf(f, median(v), slices.Min(v), slices.Max(v))
}

func median(v []float64) float64 {
	s := slices.Sorted(slices.Values(v))
	if n := len(s); n%2 == 0 {
		return (s[n/2-1] + s[n/2]) / 2
	}
	return s[len(s)/2]
}
