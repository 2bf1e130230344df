package session

import (
	"container/list"

	"sallyport/schemas"
)

// cache remembers verdicts of one session: the least recently used goes first. It is not safe for
// concurrent use.
type cache struct {
	entries, bytes int // bounds
	size           int
	byKey          map[string]*list.Element
	order          *list.List // of *cached, most recent first
}

type cached struct {
	key      string
	answer   *schemas.VerdictAnswer
	masks    *Masks
	state    stamp
	revision schemas.Revision
}

// stamp is what of the state a verdict depends on.
type stamp struct {
	epoch    uint64 // settings and roles
	prepared uint64 // names of statements; 0: the text cannot refer to any
}

func newCache(entries, bytes int) *cache {
	return &cache{entries: entries, bytes: bytes, byKey: make(map[string]*list.Element), order: list.New()}
}

// get returns the verdict under key if it holds for what is now; one that does not is forgotten.
// The key is a byte slice so that looking up does not allocate.
func (c *cache) get(key []byte, state stamp, revision schemas.Revision) *cached {
	e, ok := c.byKey[string(key)]
	if !ok {
		return nil
	}
	v := e.Value.(*cached)
	if v.state != state || v.revision != revision {
		c.remove(e)
		return nil
	}
	c.order.MoveToFront(e)
	return v
}

func (c *cache) put(v *cached) {
	if len(v.key) > c.bytes/4 {
		return
	}
	if e, ok := c.byKey[v.key]; ok {
		c.remove(e)
	}
	c.byKey[v.key] = c.order.PushFront(v)
	c.size += len(v.key)
	for c.order.Len() > c.entries || c.size > c.bytes {
		c.remove(c.order.Back())
	}
}

func (c *cache) remove(e *list.Element) {
	v := e.Value.(*cached)
	c.order.Remove(e)
	delete(c.byKey, v.key)
	c.size -= len(v.key)
}
