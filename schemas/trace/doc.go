// Package trace reads what clients say of where a command comes from: the traceparent of W3C Trace
// Context (https://www.w3.org/TR/trace-context/, section 3.2), and the comment that sqlcommenter
// (https://google.github.io/sqlcommenter/spec/) puts at the end of a statement. Both are claims: they are
// kept beside what is known, and nothing is decided by them.
package trace
