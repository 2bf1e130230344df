package main_test

import (
	"net/url"
	"os"
	"testing"
)

// python is Debian's, which has psycopg2.
const python = "/usr/bin/python3"

func comparePsycopg2(t *testing.T, m *matrix) {
	m.compare(t, func(t *testing.T, p place) string { return p.must(t, python, in(t, "client.py")) })
}

// jdbcDriver is where Debian has PostgreSQL's driver.
const jdbcDriver = "/usr/share/java/postgresql.jar"

func compareJDBC(t *testing.T, m *matrix) {
	classes := t.TempDir()
	compiler := place{dir: classes}
	compiler.must(t, "javac", "-encoding", "UTF-8", "-cp", jdbcDriver, "-d", classes, in(t, "Client.java"))
	m.compare(t, func(t *testing.T, p place) string {
		args := []string{"-XX:TieredStopAtLevel=1", "-Xshare:auto", "-Dfile.encoding=UTF-8", "-Dstdout.encoding=UTF-8", "-cp", jdbcDriver + ":" + classes, "Client",
			"jdbc:postgresql://" + p.host + ":" + p.port + "/" + url.PathEscape(p.database), p.user, p.password}
		if p.ca != "" {
			args = append(args, p.ca)
		}
		return p.must(t, "java", args...)
	})
}

func compareNode(t *testing.T, m *matrix) {
	if _, err := os.Stat(in(t, "node_modules", "pg")); err != nil {
		t.Fatal("node's clients are what `deploy/clients.sh` installs")
	}
	m.compare(t, func(t *testing.T, p place) string {
		return p.must(t, "node", "--no-deprecation", in(t, "client.mjs"), p.host, p.port, p.user, p.password, p.database, p.ca)
	})
}
