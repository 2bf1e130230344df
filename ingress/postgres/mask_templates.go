package postgres

import "sync"

// templates are the messages that may be shown while masks are on, by SQLSTATE (PostgreSQL, "Error Codes";
// the texts are those of src/backend with lc_messages C or English). What is not here is hidden: that is so
// for all that quotes input (22P02, 22008, 23505's detail …), and for texts in other languages.
var templates = sync.OnceValue(func() map[string][]template {
	texts := map[string][]string{
		// Class 00, 01, 02: notices
		"00000": {`relation "%t" already exists, skipping`, `table "%t" does not exist, skipping`, `view "%t" does not exist, skipping`,
			`schema "%t" does not exist, skipping`, `function %t(%t) does not exist, skipping`, `index "%t" does not exist, skipping`, `drop cascades to %d other objects`,
			`extension "%t" already exists, skipping`, `type "%t" does not exist, skipping`, `sequence "%t" does not exist, skipping`},
		"01000": {`skipping vacuum of "%n" --- lock not available`},
		"25001": {`there is already a transaction in progress`, `%n cannot run inside a transaction block`},
		"25P01": {`there is no transaction in progress`, `%n can only be used in transaction blocks`},
		"25P02": {`current transaction is aborted, commands ignored until end of transaction block`},
		"25006": {`cannot execute %n in a read-only transaction`},
		// Class 08, 0A, 21, 22
		"0A000": {`cannot use column reference in DEFAULT expression`, `cached plan must not change result type`,
			`cross-database references are not implemented: %t`, `FOR UPDATE is not allowed with %n`},
		"21000": {`more than one row returned by a subquery used as an expression`, `ON CONFLICT DO UPDATE command cannot affect row a second time`},
		"22001": {`value too long for type %n`},
		"22003": {`integer out of range`, `bigint out of range`, `smallint out of range`, `numeric field overflow`, `value overflows numeric format`,
			`value out of range: overflow`, `value out of range: underflow`},
		"22004": {`null value not allowed`},
		"22012": {`division by zero`},
		"22011": {`negative substring length not allowed`},
		"2201W": {`LIMIT must not be negative`},
		"2201X": {`OFFSET must not be negative`},
		"22P04": {`extra data after last expected column`, `unexpected EOF in COPY data`},
		// Class 23: which rows, the detail says
		"23502": {`null value in column "%n" of relation "%n" violates not-null constraint`},
		"23503": {`insert or update on table "%n" violates foreign key constraint "%n"`,
			`update or delete on table "%n" violates foreign key constraint "%n" on table "%n"`},
		"23505": {`duplicate key value violates unique constraint "%n"`, `could not create unique index "%n"`},
		"23514": {`new row for relation "%n" violates check constraint "%n"`, `check constraint "%n" of relation "%n" is violated by some row`,
			`no partition of relation "%n" found for row`},
		"23P01": {`conflicting key value violates exclusion constraint "%n"`},
		// Class 26, 34, 2F, 3D, 3F, 40
		"26000": {`prepared statement "%t" does not exist`},
		"34000": {`cursor "%t" does not exist`, `portal "%t" does not exist`},
		"3B001": {`savepoint "%t" does not exist`},
		"3F000": {`schema "%t" does not exist`, `no schema has been selected to create in`},
		"40001": {`could not serialize access due to concurrent update`, `could not serialize access due to concurrent delete`,
			`could not serialize access due to read/write dependencies among transactions`},
		"40P01": {`deadlock detected`},
		// Class 42: what is quoted must be the client's own words
		"42501": {`permission denied for table %n`, `permission denied for schema %n`, `permission denied for function %n`, `permission denied for sequence %n`,
			`permission denied for view %n`, `permission denied for relation %n`, `permission denied for database %n`, `must be owner of %n`,
			`new row violates row-level security policy for table "%n"`},
		"42601": {`syntax error at or near "%t"`, `syntax error at end of input`, `INSERT has more expressions than target columns`,
			`INSERT has more target columns than expressions`, `each UNION query must have the same number of columns`},
		"42602": {`invalid cursor name: must not be empty`},
		"42611": {`invalid NUMERIC precision`},
		"42701": {`column "%t" specified more than once`, `column "%t" of relation "%t" already exists`},
		"42702": {`column reference "%t" is ambiguous`},
		"42703": {`column "%t" does not exist`, `column %t does not exist`, `column "%t" of relation "%t" does not exist`},
		"42704": {`type "%t" does not exist`, `role "%t" does not exist`, `index "%t" does not exist`, `unrecognized configuration parameter "%t"`,
			`collation "%t" does not exist`, `operator class "%t" does not exist for access method "%t"`},
		"42710": {`extension "%t" already exists`, `trigger "%t" for relation "%t" already exists`, `type "%t" already exists`, `role "%t" already exists`},
		"42712": {`table name "%t" specified more than once`},
		"42723": {`function "%t" already exists with same argument types`},
		"42725": {`@function %n is not unique`, `@operator is not unique: %n`},
		"42803": {`column "%t" must appear in the GROUP BY clause or be used in an aggregate function`, `aggregate functions are not allowed in WHERE`,
			`aggregate functions are not allowed in %n`, `aggregate function calls cannot be nested`},
		"42804": {`@argument of WHERE must be type boolean, not type %n`, `@column "%t" is of type %n but expression is of type %n`,
			`@UNION types %n and %n cannot be matched`, `@CASE types %n and %n cannot be matched`, `@COALESCE types %n and %n cannot be matched`},
		"42809": {`"%t" is not a table`, `"%t" is not a view`, `"%t" is an index`},
		"42846": {`@cannot cast type %n to %n`},
		"42883": {`@function %t(%n) does not exist`, `@function %t() does not exist`, `@operator does not exist: %n`},
		"42P01": {`relation "%t" does not exist`, `missing FROM-clause entry for table "%t"`, `invalid reference to FROM-clause entry for table "%t"`, `table "%t" does not exist`},
		"42P02": {`there is no parameter $%d`},
		"42P03": {`cursor "%t" already exists`},
		"42P05": {`prepared statement "%t" already exists`},
		"42P06": {`schema "%t" already exists`, `schema "%t" already exists, skipping`},
		"42P07": {`relation "%t" already exists`, `relation "%t" already exists, skipping`},
		"42P10": {`there is no unique or exclusion constraint matching the ON CONFLICT specification`, `SELECT DISTINCT ON expressions must match initial ORDER BY expressions`,
			`for SELECT DISTINCT, ORDER BY expressions must appear in select list`, `GROUP BY position %d is not in select list`, `ORDER BY position %d is not in select list`},
		"42P18": {`could not determine data type of parameter $%d`},
		"2BP01": {`cannot drop %n because other objects depend on it`},
		// Class 53, 54, 55, 57: the server's state
		"53100": {`could not extend file "%n": No space left on device`}, "53200": {`out of memory`}, "53300": {`sorry, too many clients already`},
		"54001": {`stack depth limit exceeded`},
		"55000": {`currval of sequence "%n" is not yet defined in this session`, `lastval is not yet defined in this session`},
		"55006": {`cannot %n because it is being used by active queries in this session`},
		"55P03": {`could not obtain lock on relation "%t"`, `could not obtain lock on row in relation "%n"`, `canceling statement due to lock timeout`},
		"57014": {`canceling statement due to user request`, `canceling statement due to statement timeout`, `canceling statement due to lock timeout`,
			`canceling autovacuum task`, `canceling statement due to conflict with recovery`},
		"57P01": {`terminating connection due to administrator command`}, "57P02": {`terminating connection because of crash of another server process`},
		"57P03": {`the database system is shutting down`, `the database system is starting up`}, "57P05": {`terminating connection due to idle-session timeout`},
		"25P03": {`terminating connection due to idle-in-transaction timeout`},
	}
	all := make(map[string][]template, len(texts))
	for code, list := range texts {
		for _, text := range list {
			all[code] = append(all[code], newTemplate(text))
		}
	}
	return all
})
