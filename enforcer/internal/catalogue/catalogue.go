package catalogue

import (
	"strings"

	"sallyport/schemas"
)

// Catalogue answers questions about one snapshot. It is safe for concurrent use and is never changed.
// The methods of a nil Catalogue know nothing.
type Catalogue struct {
	digest    string
	relations map[name]*schemas.Relation
	named     map[string][]*schemas.Relation // by name alone, those of no session
	oids      map[uint32]*schemas.Relation
	functions map[name][]*schemas.Function
	called    map[string][]*schemas.Function // by name alone
	all       []*schemas.Function
	schemas   map[string]bool
	kin       map[uint32]uint32 // table: a table of the same inheritance tree, in the end its root
}

type name struct{ schema, name string }

// New prepares a snapshot with that digest. The snapshot must not change afterwards.
func New(c *schemas.Catalogue, digest []byte) *Catalogue {
	x := &Catalogue{
		digest: string(digest), relations: map[name]*schemas.Relation{}, named: map[string][]*schemas.Relation{},
		oids: map[uint32]*schemas.Relation{}, functions: map[name][]*schemas.Function{},
		called: map[string][]*schemas.Function{}, all: c.GetFunctions(), schemas: map[string]bool{}, kin: map[uint32]uint32{},
	}
	for _, s := range c.GetSchemas() {
		x.schemas[s] = true
	}
	for _, r := range c.GetRelations() {
		x.schemas[r.Schema] = true
		x.relations[name{r.Schema, r.Name}] = r
		x.oids[r.Oid] = r
		if !r.Temporary {
			x.named[r.Name] = append(x.named[r.Name], r)
		}
	}
	for _, r := range c.GetRelations() {
		for _, p := range r.Parents {
			x.kin[x.root(r.Oid)] = x.root(p)
		}
	}
	for _, f := range c.GetFunctions() {
		x.functions[name{f.Schema, f.Name}] = append(x.functions[name{f.Schema, f.Name}], f)
		x.called[f.Name] = append(x.called[f.Name], f)
	}
	return x
}

// Digest is that of the snapshot.
func (c *Catalogue) Digest() string {
	if c == nil {
		return ""
	}
	return c.digest
}

// Relations returns every relation.
func (c *Catalogue) Relations() map[uint32]*schemas.Relation {
	if c == nil {
		return nil
	}
	return c.oids
}

// Relation returns a relation, nil if there is none of that name.
func (c *Catalogue) Relation(schema, relation string) *schemas.Relation {
	if c == nil {
		return nil
	}
	return c.relations[name{schema, relation}]
}

// Named returns the relations of that name in any schema, those of sessions aside.
func (c *Catalogue) Named(relation string) []*schemas.Relation {
	if c == nil {
		return nil
	}
	return c.named[relation]
}

// ByOID returns a relation, nil if there is none.
func (c *Catalogue) ByOID(oid uint32) *schemas.Relation {
	if c == nil {
		return nil
	}
	return c.oids[oid]
}

// Functions returns the functions of that name in a schema. The schema pg_temp is that of every
// session: which one is asked is not known.
func (c *Catalogue) Functions(schema, function string) []*schemas.Function {
	if c == nil {
		return nil
	}
	if schema != "pg_temp" {
		return c.functions[name{schema, function}]
	}
	var found []*schemas.Function
	for _, f := range c.called[function] {
		if strings.HasPrefix(f.Schema, "pg_temp") {
			found = append(found, f)
		}
	}
	return found
}

// Called returns the functions of that name in any schema.
func (c *Catalogue) Called(function string) []*schemas.Function {
	if c == nil {
		return nil
	}
	return c.called[function]
}

// HasSchema reports whether there is such a schema.
func (c *Catalogue) HasSchema(schema string) bool { return c != nil && c.schemas[schema] }

// Family names the inheritance tree that a table is in: tables of one tree have the same.
func (c *Catalogue) Family(oid uint32) uint32 {
	if c == nil {
		return oid
	}
	return c.root(oid)
}

// root follows kin; it shortens nothing, so that it may be called concurrently.
func (c *Catalogue) root(oid uint32) uint32 {
	for {
		next, ok := c.kin[oid]
		if !ok || next == oid {
			return oid
		}
		oid = next
	}
}

// All returns every function.
func (c *Catalogue) All() []*schemas.Function {
	if c == nil {
		return nil
	}
	return c.all
}
