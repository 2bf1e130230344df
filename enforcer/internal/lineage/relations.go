package lineage

import (
	"slices"

	pgtypes "github.com/pganalyze/pg_query_go/v6"

	"sallyport/enforcer/internal/pgsql"
	"sallyport/schemas"
)

const schemaTemp = "pg_temp"

// candidate is a relation that a name may stand for.
type candidate struct {
	table
	schema string
	masked bool
	known  *schemas.Relation
}

// relation returns the FROM item for a name in the text, not a CTE's.
func (e *eval) relation(r *pgtypes.RangeVar) *item {
	found := e.relations(r)
	i := &item{alias: r.Relname, relation: true, bare: true, system: true}
	for n, c := range found {
		if n == 0 {
			i.table = c.table
		} else {
			i.table = both(i.table, c.table)
		}
		i.masked = i.masked || c.masked
		i.schemas = append(i.schemas, c.schema)
	}
	if i.masked {
		e.found.touches = true
	}
	if r.Alias != nil {
		i.alias, i.schemas = r.Alias.Aliasname, nil
		i.table = i.renamed(pgsql.Strings(r.Alias.Colnames))
	}
	return i
}

// relations returns what a name may stand for, at least one.
func (e *eval) relations(r *pgtypes.RangeVar) []candidate {
	name := r.Relname
	switch schema := r.Schemaname; {
	case schema == schemaTemp || schema == "" && r.Relpersistence == "t":
		return e.temporary(name)
	case schema != "":
		return []candidate{e.qualified(schema, name)}
	}
	var found []candidate
	first := e.first(name)
	if first != nil {
		found = append(found, *first)
	}
	// What hides a masked relation now may not have done so when the statement was prepared, or no
	// longer does.
	for _, other := range e.world.catalogue.Named(name) {
		within := e.anywhere || !e.env.Known || slices.Contains(e.path(), other.Schema)
		if !within || first != nil && (first.known == other || other.Schema == "pg_catalog") {
			continue
		}
		if c := e.described(other); c.masked || first == nil {
			found = append(found, c)
		}
	}
	if len(found) == 0 {
		return []candidate{e.stranger(name)}
	}
	return found
}

// first is what PostgreSQL finds under a name; nil: nothing, or the path is not known.
func (e *eval) first(name string) *candidate {
	if !slices.Contains(e.env.Path, schemaTemp) {
		for _, t := range e.env.Temps {
			if t.Name == name {
				c := e.temporary(name)[0]
				return &c
			}
		}
	}
	if pgsql.BuiltinRelation(name) && !slices.Contains(e.env.Path, "pg_catalog") {
		c := e.qualified("pg_catalog", name)
		return &c
	}
	if !e.env.Known {
		return nil
	}
	for _, schema := range e.env.Path {
		switch schema {
		case "$user":
			schema = e.env.User
		case schemaTemp:
			for _, t := range e.env.Temps {
				if t.Name == name {
					c := e.temporary(name)[0]
					return &c
				}
			}
			continue
		case "pg_catalog":
			if pgsql.BuiltinRelation(name) {
				c := e.qualified(schema, name)
				return &c
			}
		}
		if r := e.world.catalogue.Relation(schema, name); r != nil {
			c := e.described(r)
			return &c
		}
	}
	return nil
}

// qualified is a relation of a schema.
func (e *eval) qualified(schema, name string) candidate {
	if r := e.world.catalogue.Relation(schema, name); r != nil && !r.Temporary {
		return e.described(r)
	}
	if schema == "information_schema" || schema == "pg_catalog" && pgsql.BuiltinRelation(name) {
		return e.system(schema, name)
	}
	c := e.stranger(name)
	c.schema = schema
	return c
}

// described is a relation of the catalogue.
func (e *eval) described(r *schemas.Relation) candidate {
	columns := e.world.columns(r, e.budget)
	c := candidate{table: table{columns: columns}, schema: r.Schema, known: r}
	c.masked = c.everything().Any()
	return c
}

// system is a relation of the system's that the catalogue does not describe.
func (e *eval) system(schema, name string) candidate {
	c := candidate{table: table{open: true}, schema: schema}
	if schema == "pg_catalog" {
		for _, column := range keeping[name] {
			c.columns = append(c.columns, Column{column, e.world.pattern(schema, name, column)})
		}
	}
	c.masked = c.everything().Any()
	return c
}

// stranger is a relation of which nothing is known.
func (e *eval) stranger(name string) candidate {
	return candidate{table: table{open: true, rest: e.world.unknown("the relation " + name + ", which is not known")}, masked: true}
}

// temporary is a temporary relation of the session.
func (e *eval) temporary(name string) []candidate {
	for _, t := range e.env.Temps {
		if t.Name != name {
			continue
		}
		if len(t.Columns) == 0 {
			break
		}
		c := candidate{schema: schemaTemp}
		for _, column := range t.Columns {
			c.columns = append(c.columns, Column{column, e.world.pattern(schemaTemp, name, column)})
		}
		c.masked = c.everything().Any()
		return []candidate{c}
	}
	c := e.stranger(name)
	c.schema = schemaTemp
	return []candidate{c}
}
