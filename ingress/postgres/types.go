package postgres

// typeNames are PostgreSQL's built-in types that are met most; an OID that is not here has no
// name on the log. From pg_type.dat; these numbers never change.
var typeNames = map[uint32]string{
	16: "bool", 17: "bytea", 18: "char", 19: "name", 20: "int8", 21: "int2", 23: "int4", 24: "regproc",
	25: "text", 26: "oid", 27: "tid", 28: "xid", 114: "json", 142: "xml", 194: "pg_node_tree", 600: "point",
	650: "cidr", 700: "float4", 701: "float8", 705: "unknown", 790: "money", 829: "macaddr", 869: "inet",
	1000: "_bool", 1001: "_bytea", 1002: "_char", 1003: "_name", 1005: "_int2", 1007: "_int4", 1009: "_text",
	1014: "_bpchar", 1015: "_varchar", 1016: "_int8", 1021: "_float4", 1022: "_float8", 1028: "_oid",
	1033: "aclitem", 1034: "_aclitem", 1042: "bpchar", 1043: "varchar", 1082: "date", 1083: "time",
	1114: "timestamp", 1115: "_timestamp", 1182: "_date", 1184: "timestamptz", 1185: "_timestamptz",
	1186: "interval", 1231: "_numeric", 1266: "timetz", 1560: "bit", 1562: "varbit", 1700: "numeric",
	2205: "regclass", 2206: "regtype", 2249: "record", 2278: "void", 2950: "uuid", 2951: "_uuid", 3220: "pg_lsn",
	3614: "tsvector", 3615: "tsquery", 3802: "jsonb", 3807: "_jsonb", 3904: "int4range", 3908: "tsrange",
	3910: "tstzrange", 3912: "daterange", 3926: "int8range", 199: "_json",
}
