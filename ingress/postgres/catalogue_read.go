package postgres

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"sallyport/schemas"
)

// The system catalogues are read in one snapshot, with a search path on which nothing that is
// not PostgreSQL's own is visible, so that definitions come back with every name qualified.
// Reference: PostgreSQL 10 to 18, chapter "System Catalogs".
const (
	beginReading = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL search_path = pg_catalog; " +
		"SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0"
	endReading = "COMMIT"

	// fingerprintQuery changes with every row that is written in the catalogues that are read;
	// temporary relations aside, which come and go all the time.
	fingerprintQuery = `SELECT (SELECT count(*) || ' ' || coalesce(sum(xmin::text::bigint), 0) FROM pg_catalog.pg_class WHERE relpersistence <> 't')
 || ' ' || (SELECT count(*) || ' ' || coalesce(sum(a.xmin::text::bigint), 0) FROM pg_catalog.pg_attribute a
   JOIN pg_catalog.pg_class c ON c.oid = a.attrelid WHERE c.relpersistence <> 't')
 || ' ' || (SELECT count(*) || ' ' || coalesce(sum(xmin::text::bigint), 0) FROM pg_catalog.pg_rewrite)
 || ' ' || (SELECT count(*) || ' ' || coalesce(sum(xmin::text::bigint), 0) FROM pg_catalog.pg_proc)
 || ' ' || (SELECT count(*) || ' ' || coalesce(sum(xmin::text::bigint), 0) FROM pg_catalog.pg_trigger)
 || ' ' || (SELECT count(*) || ' ' || coalesce(sum(xmin::text::bigint), 0) FROM pg_catalog.pg_inherits)
 || ' ' || (SELECT count(*) || ' ' || coalesce(sum(xmin::text::bigint), 0) FROM pg_catalog.pg_namespace WHERE nspname !~ '^pg_(toast_)?temp_')`

	schemasQuery = `SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_(toast|temp)' ORDER BY 1`

	relationsQuery = `SELECT c.oid, n.nspname, c.relname, c.relkind,
 CASE WHEN c.relkind IN ('v', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema') THEN pg_get_viewdef(c.oid) END,
 (SELECT string_agg(i.inhparent::oid::text, ' ' ORDER BY i.inhseqno) FROM pg_inherits i WHERE i.inhrelid = c.oid),
 (SELECT json_agg(pn.nspname || '.' || p.proname ORDER BY t.tgname) FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
   JOIN pg_namespace pn ON pn.oid = p.pronamespace WHERE t.tgrelid = c.oid AND NOT t.tgisinternal),
 EXISTS (SELECT FROM pg_rewrite r WHERE r.ev_class = c.oid AND r.rulename <> '_RETURN')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'v', 'm', 'f', 'p', 'c', 'S') AND c.relpersistence <> 't' AND n.nspname !~ '^pg_(toast|temp)'
ORDER BY c.oid`

	columnsQuery = `SELECT a.attrelid, a.attnum, a.attname, a.atttypid
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'v', 'm', 'f', 'p', 'c', 'S') AND c.relpersistence <> 't' AND n.nspname !~ '^pg_(toast|temp)'
 AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attrelid, a.attnum`

	functionsQuery = `SELECT n.nspname, p.proname, %s, l.lanname, coalesce(%s, p.prosrc), p.provolatile, p.prosecdef,
 to_json(p.proconfig), p.pronargs, p.pronargdefaults, p.provariadic <> 0, to_json(p.proargnames),
 array_to_string(p.proargmodes, ''), p.prorettype, p.proretset
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_language l ON l.oid = p.prolang
WHERE n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(toast|temp)'
ORDER BY p.oid`
)

var errCatalogue = errors.New("the target's catalogue does not have the expected form")

// catalogueReader reads a catalogue over a connection that is its own.
type catalogueReader struct {
	u     *upstream
	limit int // bytes of a message
}

// fingerprint changes when the catalogue does.
func (q *catalogueReader) fingerprint() (print string, err error) {
	err = q.rows(fingerprintQuery, 1, func(c []cell) error {
		print = c[0].text
		return nil
	})
	return print, err
}

func (q *catalogueReader) read() (*schemas.Catalogue, error) {
	if err := q.rows(beginReading, 0, nil); err != nil {
		return nil, err
	}
	found := &schemas.Catalogue{}
	for _, step := range []func(*schemas.Catalogue) error{q.schemas, q.relations, q.functions} {
		if err := step(found); err != nil {
			return nil, err // the connection is given up, and the transaction with it
		}
	}
	return found, q.rows(endReading, 0, nil)
}

func (q *catalogueReader) schemas(found *schemas.Catalogue) error {
	return q.rows(schemasQuery, 1, func(c []cell) error {
		found.Schemas = append(found.Schemas, c[0].text)
		return nil
	})
}

func (q *catalogueReader) relations(found *schemas.Catalogue) error {
	byOID := make(map[uint32]*schemas.Relation)
	err := q.rows(relationsQuery, 8, func(c []cell) (err error) {
		r := &schemas.Relation{Oid: c[0].oid(&err), Schema: c[1].text, Name: c[2].text, Kind: c[3].text,
			Definition: c[4].text, Triggers: c[6].strings(&err), Rules: c[7].is()}
		for _, parent := range strings.Fields(c[5].text) {
			r.Parents = append(r.Parents, cell{text: parent}.oid(&err))
		}
		byOID[r.Oid] = r
		found.Relations = append(found.Relations, r)
		return err
	})
	if err != nil {
		return err
	}
	return q.rows(columnsQuery, 4, func(c []cell) (err error) {
		r := byOID[c[0].oid(&err)]
		if r == nil {
			return errCatalogue
		}
		r.Columns = append(r.Columns, &schemas.Attribute{Number: c[1].oid(&err), Name: c[2].text, Type: c[3].oid(&err)})
		return err
	})
}

// functions reads pg_proc, whose form depends on the version.
func (q *catalogueReader) functions(found *schemas.Catalogue) error {
	kind, body := "p.prokind", "NULL"
	switch version := q.version(); {
	case version < 11:
		kind = "CASE WHEN p.proisagg THEN 'a' WHEN p.proiswindow THEN 'w' ELSE 'f' END"
	case version >= 14:
		body = "pg_get_function_sqlbody(p.oid)"
	}
	return q.rows(fmt.Sprintf(functionsQuery, kind, body), 15, func(c []cell) (err error) {
		found.Functions = append(found.Functions, &schemas.Function{
			Schema: c[0].text, Name: c[1].text, Kind: c[2].text, Language: c[3].text, Source: c[4].text,
			Volatility: c[5].text, SecurityDefiner: c[6].is(), Settings: c[7].strings(&err),
			Arguments: c[8].oid(&err), Defaults: c[9].oid(&err), Variadic: c[10].is(),
			ArgumentNames: c[11].strings(&err), ArgumentModes: c[12].text, ResultType: c[13].oid(&err), ReturnsSet: c[14].is(),
		})
		return err
	})
}

// version is the major version that the target reported; 0: none.
func (q *catalogueReader) version() int {
	for _, p := range q.u.parameters {
		if p.name == "server_version" {
			digits := strings.IndexFunc(p.value, func(r rune) bool { return r < '0' || r > '9' })
			if digits < 0 {
				digits = len(p.value)
			}
			n, err := strconv.Atoi(p.value[:digits])
			if err != nil {
				return 0
			}
			return n
		}
	}
	return 0
}

// rows runs a query of the gateway's own, and calls each with the cells of every row.
func (q *catalogueReader) rows(sql string, width int, each func([]cell) error) error {
	if _, err := q.u.conn.Write(message(nil, frontQuery, []byte(sql), []byte{0})); err != nil {
		return unreachable(err)
	}
	var failed error
	for {
		typ, body, err := readMessage(q.u.conn, q.limit)
		if err != nil {
			return unreachable(err)
		}
		switch {
		case typ == backReady:
			return failed
		case typ == backError:
			f, _ := decodeFailure(body)
			failed = fmt.Errorf("read catalogue: %s (%s)", f.GetMessage(), f.GetCode())
		case typ == backRow && failed == nil:
			cells, ok := decodeCells(body)
			if !ok || len(cells) != width {
				return errCatalogue
			}
			failed = each(cells)
		}
	}
}

// cell is one value of a row in text form.
type cell struct {
	text string // empty for null
}

func decodeCells(body []byte) ([]cell, bool) {
	n, ok := checkRow(body)
	if !ok {
		return nil, false
	}
	cells := make([]cell, n)
	r := reader{b: body[2:]}
	for i := range cells {
		if size := r.int32(); size > 0 {
			cells[i].text = string(r.bytes(int(size)))
		}
	}
	return cells, r.ok()
}

func (c cell) is() bool { return c.text == "t" }

// oid reads any number without a sign. An error is kept in err.
func (c cell) oid(err *error) uint32 {
	n, bad := strconv.ParseUint(c.text, 10, 32)
	if bad != nil && *err == nil {
		*err = errCatalogue
	}
	return uint32(n)
}

// strings reads a JSON list.
func (c cell) strings(err *error) []string {
	if c.text == "" {
		return nil
	}
	var list []string
	if json.Unmarshal([]byte(c.text), &list) != nil && *err == nil {
		*err = errCatalogue
	}
	return list
}
