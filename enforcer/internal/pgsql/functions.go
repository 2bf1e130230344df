package pgsql

import (
	"strings"

	pgtypes "github.com/pganalyze/pg_query_go/v6"

	"sallyport/schemas"
)

// Functions that do what their name alone must tell, whatever schema they are in: extensions may
// be anywhere.
var (
	serverFiles = listed(`pg_read_file pg_read_binary_file pg_stat_file pg_ls_dir pg_ls_logdir pg_ls_waldir
		pg_ls_tmpdir pg_ls_archive_statusdir pg_ls_logicalsnapdir pg_ls_logicalmapdir pg_ls_replslotdir
		pg_ls_summariesdir pg_file_read pg_file_write pg_file_rename pg_file_unlink pg_file_length pg_file_sync
		pg_logdir_ls lo_import lo_export loread_file pg_read_file_old pg_current_logfile`)
	serverControl = listed(`pg_terminate_backend pg_cancel_backend pg_reload_conf pg_rotate_logfile
		pg_logfile_rotate pg_rotate_logfile_old pg_promote pg_switch_wal pg_wal_replay_pause pg_wal_replay_resume
		pg_create_restore_point pg_backup_start pg_backup_stop pg_start_backup pg_stop_backup
		pg_create_physical_replication_slot pg_create_logical_replication_slot pg_drop_replication_slot
		pg_copy_physical_replication_slot pg_copy_logical_replication_slot pg_replication_slot_advance
		pg_logical_slot_get_changes pg_logical_slot_peek_changes pg_logical_slot_get_binary_changes
		pg_logical_slot_peek_binary_changes pg_replication_origin_create pg_replication_origin_drop
		pg_replication_origin_advance pg_replication_origin_session_setup pg_replication_origin_xact_setup
		pg_logical_emit_message pg_stat_reset pg_stat_reset_shared pg_log_backend_memory_contexts
		pg_import_system_collations pg_sync_replication_slots pg_log_standby_snapshot`)
	// They run SQL in a place that is not seen.
	remotes = listed(`dblink dblink_exec dblink_connect dblink_connect_u dblink_open dblink_fetch dblink_close
		dblink_send_query dblink_get_result dblink_disconnect postgres_fdw_disconnect xpath_table connectby
		schedule schedule_in_database alter_job pg_background_launch
		plpgsql_check_function normal_rand_sql`)
	// Their first argument is SQL.
	runsText = listed(`query_to_xml query_to_xmlschema query_to_xml_and_xmlschema ts_stat crosstab crosstab2
		crosstab3 crosstab4 crosstabn`)
	// Their first argument names a table.
	readsTable = listed(`table_to_xml table_to_xmlschema table_to_xml_and_xmlschema`)
	// Their first argument names a schema.
	readsSchema = listed(`schema_to_xml schema_to_xmlschema schema_to_xml_and_xmlschema`)
	// They read what is not named.
	readsAll = listed(`database_to_xml database_to_xmlschema database_to_xml_and_xmlschema`)
)

func (s set) has(name string) bool {
	_, ok := s[name]
	return ok
}

// call notes a function and, where it is known to do more than compute, what it does.
func (w *walker) call(f *pgtypes.FuncCall) {
	names := parts(f.Funcname)
	if len(names) == 0 {
		w.children(f)
		return
	}
	called := w.called(names)
	w.functions.add(called...)
	w.known(names, called, f)
	name := names[len(names)-1]
	w.secretCall(name, f)
	switch {
	case serverFiles.has(name):
		w.kind("SERVER_FILE")
	case serverControl.has(name):
		w.kind("SERVER_CONTROL")
	case remotes.has(name):
		w.kind("REMOTE")
		w.opaque = true
	case readsAll.has(name):
		w.opaque = true
	case runsText.has(name), name == "ts_rewrite" && len(f.Args) == 2:
		w.argument(f, name == "ts_rewrite")
	case readsTable.has(name):
		w.tableArgument(f)
	case readsSchema.has(name):
		if schema, ok := w.literal(f, 0); ok {
			w.reads.add(quote(schema) + ".*")
		}
	case name == "set_config":
		w.setConfig(f)
	}
	w.children(f)
}

// literal returns an argument that is a constant string; another makes the facts opaque.
func (w *walker) literal(f *pgtypes.FuncCall, i int) (string, bool) {
	w.exact = true
	if i < len(f.Args) && f.Args[i].GetNamedArgExpr() == nil {
		if v, _ := fold(f.Args[i]); v.known && !v.null && v.number == nil && v.truth == nil {
			return v.text, true
		}
	}
	w.opaque = true
	return "", false
}

// argument follows SQL that is given as an argument.
func (w *walker) argument(f *pgtypes.FuncCall, second bool) {
	i := 0
	if second {
		i = 1
	}
	if text, ok := w.literal(f, i); ok {
		w.nested(text)
	}
	if len(f.Args) > 1 && !second && strings.HasPrefix(parts(f.Funcname)[len(f.Funcname)-1], "crosstab") {
		if text, ok := w.literal(f, 1); ok { // crosstab(source, categories)
			w.nested(text)
		}
	}
}

func (w *walker) tableArgument(f *pgtypes.FuncCall) {
	var node *pgtypes.Node
	if len(f.Args) > 0 {
		node = f.Args[0]
	}
	if c := node.GetTypeCast(); c != nil { // 'orders'::regclass
		node = c.Arg
	}
	w.exact = true
	v, _ := fold(node)
	names, ok := identifiers(v.text, '.')
	if !v.known || v.null || v.number != nil || !ok || len(names) == 0 {
		w.opaque = true
		return
	}
	for _, t := range w.object(names, catalogRelations()) {
		w.reads.add(t)
		w.columns.add(t + ".*")
	}
}

// setConfig follows set_config(name, value, local). Anywhere but as the only thing that a SELECT
// computes it may or may not run.
func (w *walker) setConfig(f *pgtypes.FuncCall) {
	w.exact = true
	w.kind("SET")
	if w.harmless[f] { // unless somebody's own table and operator lie about the name
		w.effect(&schemas.StateEffect{Kind: schemas.StateEffect_KIND_UNKNOWN})
		return
	}
	name, local := "", value{}
	known := len(f.Args) == 3
	var text value
	if known {
		n, _ := fold(f.Args[0])
		text, _ = fold(f.Args[1])
		local, _ = fold(f.Args[2])
		known = n.known && text.known && local.known && !n.null && !text.null && !local.null
		name = lower(n.text)
	}
	if !known || !w.sure[f] {
		w.effect(&schemas.StateEffect{Kind: schemas.StateEffect_KIND_UNKNOWN})
		if !known {
			w.opaque = true
		}
		return
	}
	w.assign(name, []string{text.text}, local.truthy(), true)
}
