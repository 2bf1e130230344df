package lineage

import (
	"strings"
)

// Pattern is column, table.column or schema.table.column; * stands for any one name.
type Pattern struct{ schema, table, column string }

// ParsePattern reads a pattern of one to three parts.
func ParsePattern(text string) (Pattern, bool) {
	parts := strings.Split(text, ".")
	for _, p := range parts {
		if p == "" {
			return Pattern{}, false
		}
	}
	switch len(parts) {
	case 1:
		return Pattern{"", "*", parts[0]}, true
	case 2:
		return Pattern{"", parts[0], parts[1]}, true
	case 3:
		return Pattern{parts[0], parts[1], parts[2]}, true
	}
	return Pattern{}, false
}

// matches compares without regard to case: who declares a mask may write names as in SQL. The
// system's own schemas hold no data of anybody's; they are meant by name only.
func (p Pattern) matches(schema, table, column string) bool {
	if p.schema == "" || p.schema == "*" {
		if systemSchema(schema) {
			return false
		}
	} else if !strings.EqualFold(p.schema, schema) {
		return false
	}
	return part(p.table, table) && part(p.column, column)
}

func part(pattern, name string) bool { return pattern == "*" || strings.EqualFold(pattern, name) }

func systemSchema(s string) bool {
	return s == "pg_catalog" || s == "information_schema" || strings.HasPrefix(s, "pg_toast")
}

// Mask is what a Mask resource says of columns.
type Mask struct {
	Name    string
	Columns []Pattern
}

// keeping are the system's own columns in which values of tables come to light: statistics, the
// texts of commands, raw storage. pg_toast's relations are beside.
var keeping = map[string][]string{
	"pg_statistic":           {"stavalues1", "stavalues2", "stavalues3", "stavalues4", "stavalues5"},
	"pg_stats":               {"most_common_vals", "histogram_bounds", "most_common_elems", "range_bounds_histogram"},
	"pg_stats_ext":           {"most_common_vals"},
	"pg_stats_ext_exprs":     {"most_common_vals", "histogram_bounds", "most_common_elems", "range_bounds_histogram"},
	"pg_statistic_ext_data":  {"stxdmcv", "stxdexpr"},
	"pg_statistic_ext":       {"stxmcv"},
	"pg_stat_activity":       {"query"},
	"pg_prepared_statements": {"statement"},
	"pg_cursors":             {"statement"},
	"pg_largeobject":         {"data"},
}

// keepers are relations of extensions that hold the texts of commands, in whatever schema.
var keepers = map[string][]string{
	"pg_stat_statements": {"query"},
	"pg_stat_monitor":    {"query", "parent_query", "query_plan", "message", "comments"},
	"pg_store_plans":     {"plan"},
}

// keeps reports whether a column of the system's holds values of tables.
func keeps(schema, table, column string) bool {
	if strings.HasPrefix(schema, "pg_toast") {
		return column == "chunk_data"
	}
	columns := keepers[table]
	if schema == "pg_catalog" {
		columns = keeping[table]
	}
	for _, c := range columns {
		if c == column {
			return true
		}
	}
	return false
}
