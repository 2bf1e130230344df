// Package catalogue makes what PostgreSQL's system catalogues say of one database quick to ask:
// relations by name, functions by name, which tables share rows. It interprets nothing.
//
// References: PostgreSQL 17, chapter 51 "System Catalogs" (pg_class, pg_attribute, pg_proc,
// pg_inherits).
package catalogue
