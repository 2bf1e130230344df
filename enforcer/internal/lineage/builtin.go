package lineage

import "strings"

func words(text string) map[string]bool {
	set := map[string]bool{}
	for _, w := range strings.Fields(text) {
		set[w] = true
	}
	return set
}

// Operators of pg_catalog in PostgreSQL 10 to 18.
var builtinOperators = words(`
	! !! !~ !~* !~~ !~~* # ## #- #< #<= #<> #= #> #>= #>> % & && &&& &< &<| &> * *< *<= *<> *= *> *>= + - -> ->> -|-
	/ < <-> << <<= <<| <= <> != <@ <^ = > >= >> >>= >^ ? ?# ?& ?- ?-| ?| ?|| @ @-@ @> @>> @? @@ @@@ ^ ^@ | |& |&> |/
	|>> || ||/ ~ ~* ~<=~ ~<~ ~= ~>=~ ~>~ ~~ ~~* &<| |=
`)

// Operators that common extensions add (pg_trgm, hstore, ltree, intarray, cube, vector, PostGIS).
var extensionOperators = words(`
	<% %> <<% %>> <<-> <->> <<<-> <->>> #= %% %# ?@> ?<@ ?~ ?@ ^<@ ^@> ^~ ^? <=> <#> <+> <~> <%> ~> ~== &&& &/& @@ |=| <<#>> |><| <<@ @>>
	|<<| ~~= @~ ~@ <?>
`)

// readers are functions of pg_catalog, and of extensions that may be anywhere, that return what no
// argument says: contents of files, of the log, of other sessions' commands. Those that run SQL
// or read tables that an argument names are in package pgsql.
var readers = words(`
	pg_read_file pg_read_binary_file pg_read_file_old pg_file_read
	pg_logical_slot_get_changes pg_logical_slot_peek_changes
	pg_logical_slot_get_binary_changes pg_logical_slot_peek_binary_changes
	pg_stat_get_activity pg_stat_get_backend_activity pg_prepared_statement pg_cursor
	cursor_to_xml cursor_to_xmlschema pg_stat_statements pg_stat_monitor pg_store_plans
`)

// storing are functions of pg_catalog that keep an argument, or do something that others can see, by
// the argument.
var storing = words(`
	set_config setval setseed pg_notify lowrite loread pg_switch_wal pg_sleep_until_value
	pg_rotate_logfile pg_terminate_backend pg_cancel_backend pg_promote pg_drop_replication_slot
	pg_replication_slot_advance pg_reload_conf txid_snapshot_store pg_file_write pg_file_rename
	pg_stat_reset_single_table_counters pg_stat_reset_single_function_counters
	pg_log_backend_memory_contexts pg_prewarm
`)

var storingPrefixes = []string{
	"pg_advisory", "pg_try_advisory", "lo_", "pg_create_", "pg_replication_origin_", "pg_logical_emit", "pg_logical_slot",
	"pg_copy_", "pg_backup_", "pg_start_backup", "pg_stop_backup", "pg_set_", "pg_restore_", "pg_clear_", "pg_stat_reset",
	"pg_import", "pg_extension_config", "binary_upgrade_", "pg_sync_", "dblink",
}

// keepsArgument reports whether a built-in function does something with its arguments besides
// computing.
func keepsArgument(name string) bool {
	if storing[name] {
		return true
	}
	for _, p := range storingPrefixes {
		if strings.HasPrefix(name, p) {
			return true
		}
	}
	return false
}

// changing are built-in functions that change something even when they are told nothing.
var changing = words("nextval setval set_config pg_notify lowrite setseed")

// total are functions that neither fail nor take their time on account of a value.
var total = words(`
	lower upper initcap btrim ltrim rtrim trim concat concat_ws length char_length character_length octet_length
	bit_length reverse md5 encode left right substring substr overlay quote_literal quote_ident quote_nullable
	to_json to_jsonb row_to_json array_to_json json_build_object jsonb_build_object json_build_array jsonb_build_array
	json_object_agg jsonb_object_agg json_agg jsonb_agg array_agg string_agg count min max sum avg any_value
	bool_and bool_or every first_value last_value lag lead nth_value row_number rank dense_rank percent_rank
	cume_dist ntile format to_char date_trunc date_part extract age coalesce sha224 sha256 sha384 sha512
	xmlelement xmlforest xmlagg hashtext ascii split_part strpos position replace translate
`)

// rowsOf are functions that return as many rows as an argument says.
var rowsOf = words(`
	generate_series unnest regexp_split_to_table regexp_matches string_to_table json_array_elements
	json_array_elements_text jsonb_array_elements jsonb_array_elements_text json_each json_each_text jsonb_each
	jsonb_each_text json_object_keys jsonb_object_keys json_populate_recordset jsonb_populate_recordset
	json_to_recordset jsonb_to_recordset generate_subscripts jsonb_path_query ts_parse ts_token_type
`)

// shapes are the columns of functions in FROM; "" is a single one, named like the function or its
// alias.
var shapes = map[string][]string{
	"generate_series": {""}, "unnest": {""}, "regexp_split_to_table": {""}, "string_to_table": {""}, "regexp_matches": {""},
	"json_array_elements": {"value"}, "json_array_elements_text": {"value"}, "jsonb_array_elements": {"value"},
	"jsonb_array_elements_text": {"value"}, "json_object_keys": {""}, "jsonb_object_keys": {""}, "generate_subscripts": {""},
	"json_each": {"key", "value"}, "json_each_text": {"key", "value"}, "jsonb_each": {"key", "value"},
	"jsonb_each_text": {"key", "value"}, "now": {""}, "current_schema": {""}, "version": {""}, "pg_backend_pid": {""},
	"pg_options_to_table": {"option_name", "option_value"}, "current_setting": {""}, "pg_sleep": {""},
	"aclexplode": {"grantor", "grantee", "privilege_type", "is_grantable"}, "regexp_split_to_array": {""},
}

// known are functions of common extensions, written in C and volatile, that compute only.
var known = words(`
	uuid_generate_v1 uuid_generate_v1mc uuid_generate_v4 gen_random_uuid gen_random_bytes gen_salt normal_rand
	pgp_sym_encrypt pgp_sym_encrypt_bytea pgp_pub_encrypt pgp_pub_encrypt_bytea show_limit set_limit
	pg_buffercache pg_stat_statements_info pgstattuple pgstatindex pg_stat_statements_reset pg_freespace
	uuid_nil uuid_generate_v3 uuid_generate_v5 pg_wait_sampling_get_current
`)

// knownReaders are functions of extensions that read tables, whatever they are declared as.
var knownReaders = words("xpath_table connectby crosstab crosstab2 crosstab3 crosstab4 crosstabn dblink dblink_get_result dblink_fetch")
