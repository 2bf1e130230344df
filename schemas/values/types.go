package values

import "strconv"

// OIDs that the code names.
const (
	OIDInt2Vector uint32 = 22
	OIDOIDVector  uint32 = 30
	OIDRecord     uint32 = 2249
)

// kind is one built-in type.
type kind struct {
	name    string
	element uint32               // of an array
	render  func(*reader) string // of the binary form; nil: not known here
}

// TypeName returns the name that the catalogue has for a built-in type ("int4", "_text" is written
// "text[]"), and the number for any other.
func TypeName(oid uint32) string {
	t, ok := types[oid]
	switch {
	case !ok:
		return strconv.FormatUint(uint64(oid), 10)
	case t.element != 0:
		return types[t.element].name + "[]"
	}
	return t.name
}

// Element returns the type of the elements of a built-in array type.
func Element(oid uint32) (element uint32, ok bool) {
	element = types[oid].element
	return element, element != 0
}

// Range reports whether oid is a built-in range type.
func Range(oid uint32) bool {
	_, ok := rangeOf[oid]
	return ok
}

// Numeric reports whether psql aligns values of the type to the right.
func Numeric(oid uint32) bool {
	switch types[oid].name {
	case "int2", "int4", "int8", "float4", "float8", "numeric", "oid", "xid", "xid8", "cid", "money":
		return true
	}
	return false
}

// rangeOf maps range types to the type of their bounds.
var rangeOf = map[uint32]uint32{
	3904: 23,   // int4range
	3906: 1700, // numrange
	3908: 1114, // tsrange
	3910: 1184, // tstzrange
	3912: 1082, // daterange
	3926: 20,   // int8range
}

// types is what pg_type.dat of PostgreSQL 15 holds: built-in types keep their numbers for ever.
var types = map[uint32]kind{
	16:   {name: "bool", render: renderBool},
	17:   {name: "bytea", render: renderBytea},
	18:   {name: "char", render: renderChar},
	19:   {name: "name", render: renderText},
	20:   {name: "int8", render: renderInt8},
	21:   {name: "int2", render: renderInt2},
	22:   {name: "int2vector"},
	23:   {name: "int4", render: renderInt4},
	24:   {name: "regproc"},
	25:   {name: "text", render: renderText},
	26:   {name: "oid", render: renderOID},
	27:   {name: "tid", render: renderTID},
	28:   {name: "xid", render: renderOID},
	29:   {name: "cid", render: renderOID},
	30:   {name: "oidvector"},
	32:   {name: "pg_ddl_command"},
	114:  {name: "json", render: renderText},
	142:  {name: "xml", render: renderText},
	143:  {name: "_xml", element: 142},
	194:  {name: "pg_node_tree"},
	199:  {name: "_json", element: 114},
	269:  {name: "table_am_handler"},
	271:  {name: "_xid8", element: 5069},
	325:  {name: "index_am_handler"},
	600:  {name: "point", render: renderPoint},
	601:  {name: "lseg"},
	602:  {name: "path"},
	603:  {name: "box"},
	604:  {name: "polygon"},
	628:  {name: "line"},
	629:  {name: "_line", element: 628},
	650:  {name: "cidr", render: renderCIDR},
	651:  {name: "_cidr", element: 650},
	700:  {name: "float4", render: renderFloat4},
	701:  {name: "float8", render: renderFloat8},
	705:  {name: "unknown", render: renderText},
	718:  {name: "circle"},
	719:  {name: "_circle", element: 718},
	774:  {name: "macaddr8", render: renderMAC8},
	775:  {name: "_macaddr8", element: 774},
	790:  {name: "money", render: renderMoney},
	791:  {name: "_money", element: 790},
	829:  {name: "macaddr", render: renderMAC},
	869:  {name: "inet", render: renderInet},
	1000: {name: "_bool", element: 16},
	1001: {name: "_bytea", element: 17},
	1002: {name: "_char", element: 18},
	1003: {name: "_name", element: 19},
	1005: {name: "_int2", element: 21},
	1006: {name: "_int2vector", element: 22},
	1007: {name: "_int4", element: 23},
	1008: {name: "_regproc", element: 24},
	1009: {name: "_text", element: 25},
	1010: {name: "_tid", element: 27},
	1011: {name: "_xid", element: 28},
	1012: {name: "_cid", element: 29},
	1013: {name: "_oidvector", element: 30},
	1014: {name: "_bpchar", element: 1042},
	1015: {name: "_varchar", element: 1043},
	1016: {name: "_int8", element: 20},
	1017: {name: "_point", element: 600},
	1018: {name: "_lseg", element: 601},
	1019: {name: "_path", element: 602},
	1020: {name: "_box", element: 603},
	1021: {name: "_float4", element: 700},
	1022: {name: "_float8", element: 701},
	1027: {name: "_polygon", element: 604},
	1028: {name: "_oid", element: 26},
	1033: {name: "aclitem"},
	1034: {name: "_aclitem", element: 1033},
	1040: {name: "_macaddr", element: 829},
	1041: {name: "_inet", element: 869},
	1042: {name: "bpchar", render: renderText},
	1043: {name: "varchar", render: renderText},
	1082: {name: "date", render: renderDate},
	1083: {name: "time", render: renderTime},
	1114: {name: "timestamp", render: renderTimestamp},
	1115: {name: "_timestamp", element: 1114},
	1182: {name: "_date", element: 1082},
	1183: {name: "_time", element: 1083},
	1184: {name: "timestamptz", render: renderTimestampTZ},
	1185: {name: "_timestamptz", element: 1184},
	1186: {name: "interval", render: renderInterval},
	1187: {name: "_interval", element: 1186},
	1231: {name: "_numeric", element: 1700},
	1263: {name: "_cstring", element: 2275},
	1266: {name: "timetz", render: renderTimeTZ},
	1270: {name: "_timetz", element: 1266},
	1560: {name: "bit", render: renderBits},
	1561: {name: "_bit", element: 1560},
	1562: {name: "varbit", render: renderBits},
	1563: {name: "_varbit", element: 1562},
	1700: {name: "numeric", render: renderNumeric},
	1790: {name: "refcursor", render: renderText},
	2201: {name: "_refcursor", element: 1790},
	2202: {name: "regprocedure"},
	2203: {name: "regoper"},
	2204: {name: "regoperator"},
	2205: {name: "regclass"},
	2206: {name: "regtype"},
	2207: {name: "_regprocedure", element: 2202},
	2208: {name: "_regoper", element: 2203},
	2209: {name: "_regoperator", element: 2204},
	2210: {name: "_regclass", element: 2205},
	2211: {name: "_regtype", element: 2206},
	2249: {name: "record"},
	2275: {name: "cstring", render: renderText},
	2276: {name: "any"},
	2277: {name: "anyarray"},
	2278: {name: "void", render: renderVoid},
	2279: {name: "trigger"},
	2280: {name: "language_handler"},
	2281: {name: "internal"},
	2283: {name: "anyelement"},
	2287: {name: "_record"},
	2776: {name: "anynonarray"},
	2949: {name: "_txid_snapshot", element: 2970},
	2950: {name: "uuid", render: renderUUID},
	2951: {name: "_uuid", element: 2950},
	2970: {name: "txid_snapshot"},
	3115: {name: "fdw_handler"},
	3220: {name: "pg_lsn", render: renderLSN},
	3221: {name: "_pg_lsn", element: 3220},
	3310: {name: "tsm_handler"},
	3361: {name: "pg_ndistinct"},
	3402: {name: "pg_dependencies"},
	3500: {name: "anyenum"},
	3614: {name: "tsvector"},
	3615: {name: "tsquery"},
	3642: {name: "gtsvector"},
	3643: {name: "_tsvector", element: 3614},
	3644: {name: "_gtsvector", element: 3642},
	3645: {name: "_tsquery", element: 3615},
	3734: {name: "regconfig"},
	3735: {name: "_regconfig", element: 3734},
	3769: {name: "regdictionary"},
	3770: {name: "_regdictionary", element: 3769},
	3802: {name: "jsonb", render: renderJSONB},
	3807: {name: "_jsonb", element: 3802},
	3831: {name: "anyrange"},
	3838: {name: "event_trigger"},
	3904: {name: "int4range"},
	3905: {name: "_int4range", element: 3904},
	3906: {name: "numrange"},
	3907: {name: "_numrange", element: 3906},
	3908: {name: "tsrange"},
	3909: {name: "_tsrange", element: 3908},
	3910: {name: "tstzrange"},
	3911: {name: "_tstzrange", element: 3910},
	3912: {name: "daterange"},
	3913: {name: "_daterange", element: 3912},
	3926: {name: "int8range"},
	3927: {name: "_int8range", element: 3926},
	4072: {name: "jsonpath", render: renderJSONB},
	4073: {name: "_jsonpath", element: 4072},
	4089: {name: "regnamespace"},
	4090: {name: "_regnamespace", element: 4089},
	4096: {name: "regrole"},
	4097: {name: "_regrole", element: 4096},
	4191: {name: "regcollation"},
	4192: {name: "_regcollation", element: 4191},
	4451: {name: "int4multirange"},
	4532: {name: "nummultirange"},
	4533: {name: "tsmultirange"},
	4534: {name: "tstzmultirange"},
	4535: {name: "datemultirange"},
	4536: {name: "int8multirange"},
	4537: {name: "anymultirange"},
	4538: {name: "anycompatiblemultirange"},
	4600: {name: "pg_brin_bloom_summary"},
	4601: {name: "pg_brin_minmax_multi_summary"},
	5017: {name: "pg_mcv_list"},
	5038: {name: "pg_snapshot"},
	5039: {name: "_pg_snapshot", element: 5038},
	5069: {name: "xid8", render: renderXID8},
	5077: {name: "anycompatible"},
	5078: {name: "anycompatiblearray"},
	5079: {name: "anycompatiblenonarray"},
	5080: {name: "anycompatiblerange"},
	6150: {name: "_int4multirange", element: 4451},
	6151: {name: "_nummultirange", element: 4532},
	6152: {name: "_tsmultirange", element: 4533},
	6153: {name: "_tstzmultirange", element: 4534},
	6155: {name: "_datemultirange", element: 4535},
	6157: {name: "_int8multirange", element: 4536},
}
