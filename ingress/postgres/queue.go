package postgres

import (
	"time"

	"sallyport/ingress/session"
	"sallyport/schemas"
)

// itemKind is what the target is expected to answer.
type itemKind uint8

const (
	itemQuery itemKind = iota
	itemParse
	itemBind
	itemDescribeStatement
	itemDescribePortal
	itemExecute
	itemClose
	itemSync
)

// item is a message that was forwarded and not answered yet.
type item struct {
	kind    itemKind
	unit    uint64 // which simple query, or messages up to a Sync, it belongs to
	command uint64 // its number on the log; in a batch, its place there plus 1; 0: none
	started time.Time
	refused *refusal // the gateway's error, to stand for the one that the target will report
	stmt    *statement
	portal  *portal
	result  *schemas.Column // of a function call
	masks   *session.Masks  // nil: nothing is masked
	text    string          // of the command, if there are masks
	added   bool            // the gateway's own: the client does not get the answer
}

// queue holds items in the order of their answers.
type queue struct {
	items []item
	first int
}

func (q *queue) empty() bool { return q.first == len(q.items) }

func (q *queue) head() *item { return &q.items[q.first] }

func (q *queue) push(i item) {
	if q.first > 32 && q.first*2 > len(q.items) {
		n := copy(q.items, q.items[q.first:])
		clear(q.items[n:])
		q.items, q.first = q.items[:n], 0
	}
	q.items = append(q.items, i)
}

func (q *queue) pop() {
	q.items[q.first] = item{}
	q.first++
	if q.empty() {
		q.items, q.first = q.items[:0], 0
	}
}

// rest are the items, the head first.
func (q *queue) rest() []item { return q.items[q.first:] }

// drop removes those behind the head that f selects.
func (q *queue) drop(f func(*item) bool) {
	kept := q.first + 1
	for i := kept; i < len(q.items); i++ {
		if !f(&q.items[i]) {
			q.items[kept] = q.items[i]
			kept++
		}
	}
	clear(q.items[kept:])
	q.items = q.items[:kept]
}
