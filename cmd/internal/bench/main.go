// Command bench measures Sallyport with everything on against a direct connection and against what
// else stands between: pgbouncer in session mode, or an OpenSSH from which one logs in at the server. The same
// servers, the same clients, in one run and in turns, so that a drift of the machine's speed falls
// on all alike. It prints medians, spread and ratios; it judges nothing.
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
	flag.StringVar(&c.only, "only", "", "only workloads whose name contains this; those of SSH begin with ssh")
	flag.IntVar(&c.size, "size", 1024, "MiB of a file that is moved over SSH")
	flag.IntVar(&c.long, "long", 10, "GiB that are moved while memory is looked at")
	flag.IntVar(&c.sessions, "sessions", 1000, "SSH sessions that are open at once and do nothing")
	flag.IntVar(&c.keys, "keys", 1000, "keys that are typed in one turn")
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

	size, long, sessions, keys int
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
	for round := range c.rounds {
		for _, s := range b.suites {
			if err := b.round(ctx, s, round); err != nil {
				return err
			}
		}
		fmt.Fprintf(os.Stderr, "round %d of %d\n", round+1, c.rounds)
	}
	for _, s := range b.suites {
		s.report(os.Stdout)
	}
	fmt.Printf("\nAfter its turns Sallyport took %.0f s in total to index and publish what was still to come.\n", b.settled.Seconds())
	return nil
}

// round runs each workload once on each of its paths.
func (b *bench) round(ctx context.Context, s *suite, round int) error {
	for _, w := range s.workloads {
		for i := range s.paths {
			p := s.paths[(i+round)%len(s.paths)] // nobody is always first
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
			s.add(w, p, value)
		}
	}
	return nil
}
