// Command bench measures Sallyport with everything on against a direct connection and against
// pgbouncer in session mode: the same PostgreSQL, the same clients, in one run and in turns, so that
// a drift of the machine's speed falls on all three alike. It prints medians, spread and ratios;
// it judges nothing. SSH is not measured.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
)

func main() {
	var c config
	flag.IntVar(&c.rounds, "rounds", 5, "rounds; in each, every workload runs once on every path")
	flag.IntVar(&c.seconds, "seconds", 3, "length of one pgbench run")
	flag.StringVar(&c.binary, "sallyport", "bin/sallyport", "the binary to measure")
	flag.StringVar(&c.only, "only", "", "only workloads whose name contains this")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, c); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

type config struct {
	rounds  int
	seconds int
	binary  string
	only    string
}

// run starts everything, measures in turns, and prints.
func run(ctx context.Context, c config) (err error) {
	dir, err := os.MkdirTemp("", "sallyport-bench-")
	if err != nil {
		return fmt.Errorf("make a directory: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	b := &bench{config: c, dir: dir}
	defer func() { err = errors.Join(err, b.stop()) }()
	if err := b.start(ctx); err != nil {
		return err
	}
	results := make(map[string]map[string][]float64) // by workload, by path
	for round := range c.rounds {
		for _, w := range b.workloads() {
			for i := range b.paths {
				p := b.paths[(i+round)%len(b.paths)] // nobody is always first
				if !w.runs(p) {
					continue
				}
				value, err := w.run(ctx, p)
				if err != nil {
					return fmt.Errorf("%s on %s: %w", w.name, p.name, err)
				}
				if err := b.settle(ctx, p); err != nil {
					return err
				}
				if results[w.name] == nil {
					results[w.name] = make(map[string][]float64)
				}
				results[w.name][p.name] = append(results[w.name][p.name], value)
			}
		}
		fmt.Fprintf(os.Stderr, "round %d of %d\n", round+1, c.rounds)
	}
	report(os.Stdout, b.workloads(), results)
	fmt.Printf("\nAfter its turns Sallyport took %.0f s in total to index and publish what was still to come.\n", b.settled.Seconds())
	return nil
}
