// Package postgrestest starts throwaway PostgreSQL servers: a new cluster in a temporary
// directory on a free port of the loopback interface, without durability. It needs PostgreSQL's
// server programs (Debian: postgresql), and runs them as the user postgres when it is root,
// because they refuse to run as root.
package postgrestest
