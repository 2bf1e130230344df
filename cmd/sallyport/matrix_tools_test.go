package main_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// measured is what pgbench says of time.
var measured = regexp.MustCompile(`(?m)^(latency|tps|initial connection time|average connection time|done in|statement latencies|[0-9]+ of [0-9]+ tuples).*\n`)

// comparePgbench runs pgbench's own scripts and a pipeline, all seeded alike, and compares its reports and
// its tables.
func comparePgbench(t *testing.T, m *matrix) {
	bench := m.target.Tool("pgbench")
	runs := [][]string{{"-i", "-q", "--foreign-keys"}}
	for _, script := range []string{"tpcb-like", "simple-update", "select-only"} {
		for _, mode := range []string{"simple", "extended", "prepared"} {
			runs = append(runs, []string{"-n", "-b", script, "-M", mode, "-t", "20", "--random-seed=7"})
		}
	}
	runs = append(runs,
		[]string{"-n", "-M", "extended", "-f", in(t, "pipeline.pgbench"), "-t", "20", "--random-seed=7"},
		[]string{"-n", "-M", "prepared", "-f", in(t, "pipeline.pgbench"), "-t", "20", "--random-seed=7"},
		[]string{"-n", "-M", "simple", "-f", in(t, "errors.pgbench"), "-t", "3"},
		[]string{"-n", "-M", "extended", "-f", in(t, "errors.pgbench"), "-t", "3"},
		[]string{"-n", "-C", "-S", "-t", "5"},
		[]string{"-n", "-c", "4", "-j", "2", "-N", "-M", "prepared", "-t", "20", "--random-seed=7"})
	m.compare(t, func(t *testing.T, p place) string {
		var b strings.Builder
		for _, args := range runs {
			b.WriteString(measured.ReplaceAllString(p.program(t, "", bench, args...), ""))
		}
		for _, table := range []string{"branches order by bid", "tellers order by tid", "accounts where abalance <> 0 order by aid"} {
			b.WriteString(direct(t, m.target, p.plain(), "select * from pgbench_"+table) + "\n")
		}
		return b.String()
	})
}

// compareDump dumps in every format of pg_dump and restores from each, at the same place, and
// compares what was written and what was restored.
func compareDump(t *testing.T, m *matrix) {
	const same = "--restrict-key=same"
	m.compare(t, func(t *testing.T, p place) string {
		must := func(p place, name string, args ...string) string {
			t.Helper()
			return p.must(t, m.target.Tool(name), args...)
		}
		must(p, "pg_dump", same, "-f", "plain.sql")
		must(p, "pg_dump", same, "--inserts", "--rows-per-insert=50", "--column-inserts", "-f", "inserts.sql")
		must(p, "pg_dump", "-Fc", "-Z1", "-f", "custom")
		must(p, "pg_dump", "-Fd", "-j2", "-f", "directory")
		must(p, "pg_dumpall", same, "--globals-only", "--no-role-passwords", "-l", p.database, "-f", "globals.sql")
		must(p, "pg_restore", same, "-f", "custom.sql", "custom")
		must(p, "pg_restore", same, "-f", "directory.sql", "directory")

		must(m.empty(t, &p), "psql", "-X", "-1", "-v", "ON_ERROR_STOP=1", "-f", "plain.sql")
		m.redump(t, p, "plain")
		must(m.empty(t, &p), "pg_restore", "-e", "-1", "-d", p.database, "custom")
		m.redump(t, p, "custom")
		must(m.empty(t, &p), "pg_restore", "-e", "-j2", "-d", p.database, "directory")
		m.redump(t, p, "directory")
		from := p.database
		m.empty(t, &p)
		p.must(t, "sh", "-ec", `"$0"/pg_dump -Fc "dbname=$1" | "$0"/pg_restore -e -d "dbname=$2"`, m.target.Bin, from, p.database)
		m.redump(t, p, "piped")

		for _, archive := range []string{"custom", "directory/toc.dat"} { // they hold the time
			p.must(t, "rm", archive)
		}
		return p.files(t, "")
	})
}

// empty moves a place to a new, empty database.
func (m *matrix) empty(t *testing.T, p *place) place {
	t.Helper()
	name := fmt.Sprintf("empty%04d", m.databases.Add(1))
	direct(t, m.target, "postgres", "create database "+name+" template template0")
	p.database = strings.TrimSuffix(p.database, p.plain()) + name
	return *p
}

// redump writes down what was restored, as the server itself dumps it.
func (m *matrix) redump(t *testing.T, p place, name string) {
	t.Helper()
	server, _ := m.places(false, p.plain())
	server.dir = p.dir
	server.must(t, m.target.Tool("pg_dump"), "--restrict-key=same", "-f", "restored_"+name+".sql")
}
