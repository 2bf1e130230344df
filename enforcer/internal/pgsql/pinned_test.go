package pgsql_test

import (
	"testing"

	"sallyport/enforcer/internal/pgsql"
)

// TestPinnedSetting holds what pg_dump needs to be seen through, and what looks like it.
func TestPinnedSetting(t *testing.T) {
	a := pgsql.New(pgsql.Config{})
	for text, opaque := range map[string]bool{
		"SELECT set_config(name, 'view, foreign-table', false) FROM pg_settings WHERE name = 'restrict_nonsystem_relation_kind'": false,
		"SELECT set_config(name, 'x', false) FROM pg_catalog.pg_settings WHERE name = 'jit'":                                     false,
		"SELECT set_config(name, 'x', false) FROM pg_settings WHERE name = 'search_path'":                                        true,
		"SELECT set_config(name, 'x', false) FROM pg_settings WHERE name = 'ROLE'":                                               true,
		"SELECT set_config(name, 'x', false) FROM pg_settings WHERE name = 'jit' OR true":                                        true,
		"SELECT set_config(name, 'x', false) FROM pg_settings WHERE name <> 'jit'":                                               true,
		"SELECT set_config(name, 'x', false) FROM pg_settings WHERE name OPERATOR(public.=) 'jit'":                               true,
		"SELECT set_config(name, setting, false) FROM pg_settings WHERE name = 'jit'":                                            true,
		"SELECT set_config(name, 'x', false) FROM public.pg_settings WHERE name = 'jit'":                                         true,
		"SELECT set_config(name, 'x', false) FROM pg_settings":                                                                   true,
		"SELECT set_config(name, 'x', false) FROM pg_settings, t WHERE name = 'jit'":                                             true,
		"WITH pg_settings AS (SELECT 'role' AS name) SELECT set_config(name, 'x', false) FROM pg_settings WHERE name = 'jit'":    true,
	} {
		if got := a.Analyze(text, fresh(), nil).Facts.Opaque; got != opaque {
			t.Errorf("%s\nopaque is %t, want %t", text, got, opaque)
		}
	}
}
