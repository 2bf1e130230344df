package main_test

import (
	"regexp"
	"strings"
	"testing"
)

// process is the process id of whoever sent a notification: it is another one each time.
var process = regexp.MustCompile(`(server process with PID) \d+`)

// psqlRuns are runs of psql, by what they show: one after another on the same database.
func psqlRuns(t *testing.T) map[string][][]string {
	script := func(name string, args ...string) []string { return append(args, "-f", in(t, "psql", name+".sql")) }
	return map[string][][]string{
		"statements":   {script("statements")},
		"csv":          {script("statements", "--csv", "-a")},
		"transactions": {script("transactions", "-e")},
		"copy":         {script("copy")},
		"catalogue":    {script("catalogue"), {"-E", "-At", "-c", `\d app.customers`, "-c", `\df app.*`}},
		"arguments": {
			script("stops", "-b"), {"-1", "-f", in(t, "psql", "stops.sql"), "-c", `select 'not reached'`}, {"-c", `\dt stops`},
			{"-1", "-c", "create table one (i int)", "-c", `insert into one values (1)`, "-c", "table one"},
			{"-c", "create table several (i int); insert into several values (1); select 1/0; select 2", "-c", "select to_regclass('several')"},
			{"-v", "ON_ERROR_STOP=1", "-c", "select 1/0", "-c", `\echo not reached`}, {"-c", "select 1", "-c", "select 1/0"},
			{"-H", "-c", "select id, name, home from app.customers order by id limit 5"},
			{"-0At", "-c", "select id, name, tags from app.customers order by id"},
			{"-v", "FETCH_COUNT=7", "-x", "-c", "select id, mood from app.customers order by id limit 30"},
		},
	}
}

// comparePsql runs psql in the ways that it has of sending statements.
func comparePsql(t *testing.T, m *matrix) {
	for name, runs := range psqlRuns(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m.compare(t, func(t *testing.T, p place) string {
				var b strings.Builder
				for _, args := range runs {
					b.WriteString(p.program(t, "", "psql", append([]string{"-X"}, args...)...))
				}
				return process.ReplaceAllString(b.String(), "$1 N") + p.files(t, "")
			})
		})
	}
}
