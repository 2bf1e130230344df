// Package values renders what PostgreSQL sent, in its text or its binary format, as the text that
// psql would show, and walks the cells of a [schemas.Rows].
//
// Rendering follows PostgreSQL's own output functions with their usual settings (DateStyle ISO,
// IntervalStyle postgres, bytea_output hex, extra_float_digits 1). What depends on settings that a
// binary value does not carry is rendered without them: timestamptz in UTC, money as a plain
// number. A binary value of a type that is not known here is shown as \x and hexadecimal digits.
//
// References: https://www.postgresql.org/docs/current/datatype.html and the *_send and *_out
// functions in src/backend/utils/adt. The table of type names is pg_type.dat.
//
// The package is pure: it does no I/O, and every decoder is fuzzed.
package values
