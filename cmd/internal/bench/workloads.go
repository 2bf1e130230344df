package main

import (
	"context"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// workload is one thing to measure. Its value is milliseconds, transactions a second, or KiB.
type workload struct {
	name   string
	unit   string // "ms", "KiB" and "MiB": less is better; "tps": more is
	run    func(ctx context.Context, p path) (float64, error)
	versus string   // what the aim is measured against; empty: nothing
	added  bool     // what matters is how much more it is, not how many times as much
	paths  []string // names of those that it runs on; empty: all
}

// queries are what is measured of PostgreSQL, in the order of a round. A new one is a line here.
func (b *bench) queries() []workload {
	return b.chosen([]workload{
		b.pgbench("latency, 1 client, simple", "simple", 1),
		b.pgbench("latency, 1 client, prepared", "prepared", 1),
		b.pgbench("throughput, 8 clients, simple", "simple", 8),
		b.pgbench("throughput, 8 clients, prepared", "prepared", 8),
		b.bulk("100k rows, SELECT", "SELECT * FROM bulk"),
		b.bulk("100k rows, COPY TO STDOUT", "COPY bulk TO STDOUT"),
		b.masked("100k rows, SELECT, 2 masks", "masked-2"),
		b.masked("100k rows, SELECT, 20 masks", "masked-20"),
		b.idle("memory of an idle session", "disable"),
		b.idle("memory of an idle session, TLS", "require"),
	})
}

// chosen are those of all that are to be run.
func (b *bench) chosen(all []workload) []workload {
	return slices.DeleteFunc(all, func(w workload) bool { return !strings.Contains(w.name, b.only) })
}

// runs reports whether w is measured on that path.
func (w workload) runs(p path) bool { return len(w.paths) == 0 || slices.Contains(w.paths, p.name) }

var (
	latency = regexp.MustCompile(`latency average = ([0-9.]+) ms`)
	tps     = regexp.MustCompile(`tps = ([0-9.]+)`)
)

// pgbench runs pgbench -S: one client's latency in ms, or several clients' throughput.
func (b *bench) pgbench(name, mode string, clients int) workload {
	unit, pattern := "ms", latency
	if clients > 1 {
		unit, pattern = "tps", tps
	}
	return workload{name: name, unit: unit, versus: pgbouncer, run: func(ctx context.Context, p path) (float64, error) {
		c := b.client(ctx, p, filepath.Join(b.server.Bin, "pgbench"), "-S", "-n", "-M", mode,
			"-c", strconv.Itoa(clients), "-j", strconv.Itoa(min(clients, 2)), "-T", strconv.Itoa(b.seconds))
		out, err := c.CombinedOutput()
		if err != nil {
			return 0, fmt.Errorf("pgbench: %w: %s", err, out)
		}
		m := pattern.FindSubmatch(out)
		if m == nil {
			return 0, fmt.Errorf("pgbench said nothing of %s: %s", unit, out)
		}
		return strconv.ParseFloat(string(m[1]), 64)
	}}
}

// bulk reads a large result with psql, whose own time is part of every path's.
func (b *bench) bulk(name, statement string) workload {
	return workload{name: name, unit: "ms", versus: direct, run: func(ctx context.Context, p path) (float64, error) {
		c := b.client(ctx, p, "psql", "--no-psqlrc", "-qAt", "-c", statement)
		c.Stdout = io.Discard
		return timed(c)
	}}
}

// masked is bulk on a target with masks, against a direct connection that has none.
func (b *bench) masked(name, target string) workload {
	w := b.bulk(name, "SELECT * FROM bulk")
	plain := w.run
	w.paths = []string{direct, sallyport}
	w.run = func(ctx context.Context, p path) (float64, error) {
		if p.name == sallyport {
			p.database = target
		}
		return plain(ctx, p)
	}
	return w
}

func timed(c *exec.Cmd) (float64, error) {
	begin := time.Now()
	err := c.Run()
	return float64(time.Since(begin).Microseconds()) / 1000, err
}
