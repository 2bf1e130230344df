package main

import (
	"fmt"
	"io"
	"runtime"
	"slices"
)

// report prints a table in Markdown: medians with their spread, and ratios of medians. A ratio is
// Sallyport to the other for times, and likewise for throughput.
func report(w io.Writer, workloads []workload, results map[string]map[string][]float64) {
	fmt.Fprintf(w, "%d processors, %s\n\n", runtime.NumCPU(), runtime.Version())
	fmt.Fprintln(w, "| workload | unit | direct | pgbouncer | sallyport | to direct | to pgbouncer |")
	fmt.Fprintln(w, "|---|---|---|---|---|---|---|")
	for _, l := range workloads {
		r := results[l.name]
		fmt.Fprintf(w, "| %s | %s | %s | %s | %s | %s | %s |\n", l.name, l.unit,
			spread(r[direct]), spread(r[pgbouncer]), spread(r[sallyport]),
			ratio(l, r[sallyport], r[direct]), ratio(l, r[sallyport], r[pgbouncer]))
	}
	fmt.Fprintln(w, "\nEach figure is the median of the rounds (least–most). A ratio is of medians: for ms, how many times\nas long; for tps and for bulk in brackets, how much of the other's speed.")
}

func ratio(l workload, a, b []float64) string {
	if len(a) == 0 || len(b) == 0 {
		return "–"
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
