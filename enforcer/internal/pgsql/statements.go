package pgsql

import (
	"strings"

	pgtypes "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// statement walks m if it is a statement.
func (w *walker) statement(m proto.Message) bool {
	defer w.redefined(m)
	switch s := m.(type) {
	case *pgtypes.Node, *pgtypes.RangeVar, *pgtypes.ColumnRef, *pgtypes.FuncCall, *pgtypes.A_Const, *pgtypes.ResTarget, *pgtypes.A_Expr:
		return false
	case *pgtypes.SelectStmt:
		w.query(s, false)
	case *pgtypes.InsertStmt:
		w.insert(s)
	case *pgtypes.UpdateStmt:
		w.update(s)
	case *pgtypes.DeleteStmt:
		w.delete(s)
	case *pgtypes.MergeStmt:
		w.merge(s)
	case *pgtypes.CopyStmt:
		w.copy(s)
	case *pgtypes.ExplainStmt:
		w.explain(s)
	case *pgtypes.PrepareStmt:
		w.prepare(s)
	case *pgtypes.ExecuteStmt:
		w.execute(s)
	case *pgtypes.DeallocateStmt:
		w.kind("DEALLOCATE")
		w.deallocate(s)
	case *pgtypes.DeclareCursorStmt:
		w.declare(s)
	case *pgtypes.FetchStmt:
		w.kind(map[bool]string{true: "MOVE", false: "FETCH"}[s.Ismove])
	case *pgtypes.ClosePortalStmt:
		w.kind("CLOSE")
		w.closed(s.Portalname)
	case *pgtypes.TransactionStmt:
		w.transaction(s)
	case *pgtypes.VariableSetStmt:
		w.set(s)
	case *pgtypes.VariableShowStmt:
		w.kind("SHOW")
	case *pgtypes.DiscardStmt:
		w.discard(s)
	case *pgtypes.DoStmt:
		w.do(s)
	case *pgtypes.CallStmt:
		w.callProcedure(s)
	case *pgtypes.ReturnStmt:
		w.children(s)
	default:
		return w.definition(m)
	}
	return true
}

// definition walks statements that define, change or remove objects.
func (w *walker) definition(m proto.Message) bool {
	switch s := m.(type) {
	case *pgtypes.DropStmt:
		w.drop(s)
	case *pgtypes.TruncateStmt:
		w.kind("TRUNCATE")
		for _, r := range s.Relations {
			w.written(w.relation(r.GetRangeVar())...)
		}
	case *pgtypes.GrantStmt:
		w.grant(s)
	case *pgtypes.GrantRoleStmt:
		w.kind(map[bool]string{true: "GRANT", false: "REVOKE"}[s.IsGrant])
	case *pgtypes.AlterTableStmt:
		w.alterTable(s)
	case *pgtypes.CreateStmt:
		w.createTable(s)
	case *pgtypes.CreateForeignTableStmt:
		w.kind("CREATE", "CREATE_FOREIGN_TABLE")
		w.secretOptions(s.Options, s)
		w.visit(s.BaseStmt)
	case *pgtypes.CreateTableAsStmt:
		w.kind("CREATE", "CREATE_"+object(s.Objtype))
		w.written(w.relation(s.Into.GetRel())...)
		w.visit(s.Query)
		w.madeTemporary(s.Into.GetRel(), nil)
	case *pgtypes.ViewStmt:
		w.kind("CREATE", "CREATE_VIEW")
		w.written(w.relation(s.View)...)
		w.visit(s.Query)
		w.madeTemporary(s.View, nil)
	case *pgtypes.RuleStmt:
		w.kind("CREATE", "CREATE_RULE")
		w.rule(s)
	case *pgtypes.CreateTrigStmt:
		w.kind("CREATE", "CREATE_TRIGGER")
		w.written(w.relation(s.Relation)...)
		w.functions.add(w.called(parts(s.Funcname))...)
		w.visit(s.WhenClause)
	case *pgtypes.CreateFunctionStmt:
		w.createFunction(s)
	case *pgtypes.CreateSchemaStmt:
		w.createSchema(s)
	case *pgtypes.CreateExtensionStmt:
		w.kind("CREATE", "CREATE_EXTENSION")
		w.opaque = true // its script runs
	case *pgtypes.LoadStmt:
		w.kind("LOAD")
		w.opaque = true
	case *pgtypes.AlterSystemStmt:
		w.kind("ALTER", "ALTER_SYSTEM")
		w.secretSetting(s.Setstmt)
	case *pgtypes.RenameStmt:
		w.kind("ALTER", "ALTER_"+object(s.RenameType))
		w.rename(s)
	case *pgtypes.AlterObjectSchemaStmt:
		w.kind("ALTER", "ALTER_"+object(s.ObjectType))
		w.direct(s)
	case *pgtypes.AlterOwnerStmt:
		w.kind("ALTER", "ALTER_"+object(s.ObjectType))
		if s.ObjectType == pgtypes.ObjectType_OBJECT_SCHEMA {
			w.written(quote(s.Object.GetString_().GetSval()) + ".*")
		}
		w.direct(s)
	case *pgtypes.DefineStmt:
		w.kind("CREATE", "CREATE_"+object(s.Kind))
		w.direct(s)
	case *pgtypes.VacuumStmt:
		w.kind(map[bool]string{true: "VACUUM", false: "ANALYZE"}[s.IsVacuumcmd])
		w.direct(s)
	case *pgtypes.AlterFunctionStmt:
		w.alterFunction(s)
		return w.other(m)
	default:
		return w.other(m)
	}
	return true
}

// words of statements whose name in the grammar does not say them.
var words = map[string][]string{
	"IndexStmt":                  {"CREATE", "CREATE_INDEX"},
	"CompositeTypeStmt":          {"CREATE", "CREATE_TYPE"},
	"CreateEnumStmt":             {"CREATE", "CREATE_TYPE"},
	"CreateRangeStmt":            {"CREATE", "CREATE_TYPE"},
	"AlterEnumStmt":              {"ALTER", "ALTER_TYPE"},
	"CreateSeqStmt":              {"CREATE", "CREATE_SEQUENCE"},
	"AlterSeqStmt":               {"ALTER", "ALTER_SEQUENCE"},
	"CreatedbStmt":               {"CREATE", "CREATE_DATABASE"},
	"DropdbStmt":                 {"DROP", "DROP_DATABASE"},
	"CreatePLangStmt":            {"CREATE", "CREATE_LANGUAGE"},
	"CreateFdwStmt":              {"CREATE", "CREATE_FDW"},
	"CreateEventTrigStmt":        {"CREATE", "CREATE_EVENT_TRIGGER"},
	"CreateAmStmt":               {"CREATE", "CREATE_ACCESS_METHOD"},
	"CreateStatsStmt":            {"CREATE", "CREATE_STATISTICS"},
	"CreateOpClassStmt":          {"CREATE", "CREATE_OPERATOR_CLASS"},
	"AlterDefaultPrivilegesStmt": {"ALTER", "ALTER_DEFAULT_PRIVILEGES"},
	"ReassignOwnedStmt":          {"ALTER", "REASSIGN_OWNED"},
	"RefreshMatViewStmt":         {"REFRESH"},
	"ConstraintsSetStmt":         {"SET"},
	"CheckPointStmt":             {"CHECKPOINT"},
	"ImportForeignSchemaStmt":    {"IMPORT"},
	"SecLabelStmt":               {"SECURITY_LABEL"},
	"AlterRoleSetStmt":           {"ALTER", "ALTER_ROLE"},
	"AlterDatabaseSetStmt":       {"ALTER", "ALTER_DATABASE"},
	"AlterTSConfigurationStmt":   {"ALTER", "ALTER_TSCONFIGURATION"},
	"AlterTSDictionaryStmt":      {"ALTER", "ALTER_TSDICTIONARY"},
}

// other walks the statements that need nothing special: the name in the grammar gives the kinds,
// CreateRoleStmt being CREATE and CREATE_ROLE.
func (w *walker) other(m proto.Message) bool {
	name := string(m.ProtoReflect().Descriptor().Name())
	if !strings.HasSuffix(name, "Stmt") || name == "RawStmt" || name == "PLAssignStmt" {
		return false
	}
	kinds, ok := words[name]
	if !ok {
		all := upper(strings.TrimSuffix(name, "Stmt"))
		verb, _, several := strings.Cut(all, "_")
		if kinds = []string{all}; several {
			kinds = []string{verb, all}
		}
	}
	w.kind(kinds...)
	w.secretive(m)
	w.defining++
	w.direct(m)
	w.defining--
	return true
}

// alterFunction notes a function that is made to run with its owner's rights.
func (w *walker) alterFunction(s *pgtypes.AlterFunctionStmt) {
	for _, a := range s.Actions {
		if d := a.GetDefElem(); d.GetDefname() == "security" && d.GetArg().GetBoolean().GetBoolval() {
			w.kind("SECURITY_DEFINER")
		}
	}
	w.functions.add(w.object(parts(s.Func.GetObjname()), catalogFunctions())...)
}

// direct walks a statement whose own relations are changed by it.
func (w *walker) direct(m proto.Message) {
	var own []protoreflect.Name
	w.within(func() {
		m.ProtoReflect().Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
			if f.Kind() != protoreflect.MessageKind || f.IsList() {
				return true
			}
			if r, ok := v.Message().Interface().(*pgtypes.RangeVar); ok {
				own = append(own, f.Name())
				w.target(r, false)
			}
			return true
		})
		w.children(m, own...)
	})
}

// upper writes a name of the grammar as words: CreateRole is CREATE_ROLE.
func upper(name string) string {
	var b strings.Builder
	for i, r := range name {
		if i > 0 && 'A' <= r && r <= 'Z' && 'a' <= name[i-1] && name[i-1] <= 'z' {
			b.WriteByte('_')
		}
		b.WriteRune(r)
	}
	return strings.ToUpper(b.String())
}

// object is the word for a kind of object.
func object(t pgtypes.ObjectType) string {
	switch word := strings.TrimPrefix(t.String(), "OBJECT_"); word {
	case "MATVIEW":
		return "MATERIALIZED_VIEW"
	case "TABCONSTRAINT", "DOMCONSTRAINT":
		return "CONSTRAINT"
	default:
		return word
	}
}

// rename notes what goes by another name from now on.
func (w *walker) rename(s *pgtypes.RenameStmt) {
	switch s.RenameType {
	case pgtypes.ObjectType_OBJECT_SCHEMA:
		w.written(quote(s.Subname) + ".*")
	case pgtypes.ObjectType_OBJECT_COLUMN:
		w.of(ref{tables: w.relation(s.Relation)}, s.Subname)
	}
	w.direct(s)
}

func (w *walker) drop(s *pgtypes.DropStmt) {
	w.droppedTemporary(s)
	w.kind("DROP", "DROP_"+object(s.RemoveType))
	for _, o := range s.Objects {
		names := parts(o.GetList().GetItems())
		switch s.RemoveType {
		case pgtypes.ObjectType_OBJECT_TABLE, pgtypes.ObjectType_OBJECT_VIEW, pgtypes.ObjectType_OBJECT_MATVIEW,
			pgtypes.ObjectType_OBJECT_SEQUENCE, pgtypes.ObjectType_OBJECT_INDEX, pgtypes.ObjectType_OBJECT_FOREIGN_TABLE:
			w.written(w.object(names, catalogRelations())...)
		case pgtypes.ObjectType_OBJECT_TRIGGER, pgtypes.ObjectType_OBJECT_RULE, pgtypes.ObjectType_OBJECT_POLICY:
			if len(names) > 1 {
				w.written(w.object(names[:len(names)-1], catalogRelations())...)
			}
		case pgtypes.ObjectType_OBJECT_SCHEMA:
			w.written(quote(o.GetString_().GetSval()) + ".*")
		case pgtypes.ObjectType_OBJECT_FUNCTION, pgtypes.ObjectType_OBJECT_PROCEDURE, pgtypes.ObjectType_OBJECT_ROUTINE, pgtypes.ObjectType_OBJECT_AGGREGATE:
			w.functions.add(w.object(parts(o.GetObjectWithArgs().GetObjname()), catalogFunctions())...)
		}
	}
}

func (w *walker) grant(s *pgtypes.GrantStmt) {
	w.kind(map[bool]string{true: "GRANT", false: "REVOKE"}[s.IsGrant])
	for _, o := range s.Objects {
		if r := o.GetRangeVar(); r != nil {
			w.written(w.relation(r)...)
		} else if s.Targtype == pgtypes.GrantTargetType_ACL_TARGET_ALL_IN_SCHEMA {
			w.written(quote(o.GetString_().GetSval()) + ".*")
		} else if f := o.GetObjectWithArgs(); f != nil {
			w.functions.add(w.object(parts(f.Objname), catalogFunctions())...)
		}
	}
}

func (w *walker) alterTable(s *pgtypes.AlterTableStmt) {
	w.kind("ALTER", "ALTER_"+object(s.Objtype))
	w.within(func() {
		names := w.target(s.Relation, false)
		for _, n := range s.Cmds {
			c := n.GetAlterTableCmd()
			switch c.GetSubtype() {
			case pgtypes.AlterTableType_AT_DropColumn:
				w.kind("DROP", "DROP_COLUMN")
			case pgtypes.AlterTableType_AT_DropConstraint:
				w.kind("DROP", "DROP_CONSTRAINT")
			}
			if c.GetName() != "" && strings.Contains(c.GetSubtype().String(), "Column") {
				w.of(ref{tables: names}, c.Name)
			}
			w.secretive(c)
			w.children(c)
		}
	})
}

func (w *walker) createTable(s *pgtypes.CreateStmt) {
	w.kind("CREATE", "CREATE_TABLE")
	w.within(func() {
		w.target(s.Relation, false)
		w.children(s, "relation")
	})
	var columns []string
	for _, n := range s.TableElts {
		if c := n.GetColumnDef(); c != nil {
			columns = append(columns, c.Colname)
		} else if n.GetTableLikeClause() != nil {
			columns = nil
			break
		}
	}
	if len(s.InhRelations) > 0 || s.OfTypename != nil {
		columns = nil
	}
	w.madeTemporary(s.Relation, columns)
}

// rule walks a CREATE RULE: its actions see new and old.
func (w *walker) rule(s *pgtypes.RuleStmt) {
	names := w.relation(s.Relation)
	w.written(names...)
	w.within(func() {
		w.scope.refs = []ref{{"new", names}, {"old", names}}
		w.nodes(s.Actions)
		w.visit(s.WhereClause)
	})
}

// createSchema walks a CREATE SCHEMA: names in its elements are first looked for in it.
func (w *walker) createSchema(s *pgtypes.CreateSchemaStmt) {
	w.kind("CREATE", "CREATE_SCHEMA")
	outer := w.env
	name := s.Schemaname
	if name == "" {
		name = s.Authrole.GetRolename()
	}
	if name != "" {
		w.env.path = append([]string{name}, w.env.path...)
	}
	w.nodes(s.SchemaElts)
	w.env.path, w.env.known = outer.path, outer.known
}
