package pgsql

import (
	"container/list"
	"sync"
)

// cacheKey is everything that facts depend on. The whole text is the key, not a digest: no
// collision can lend one text the facts of another.
type cacheKey struct{ text, state, catalogue string }

type cacheEntry struct {
	key   cacheKey
	value *Analysis
	size  int
}

// cache keeps the analyses used last, bounded by bytes.
type cache struct {
	mu    sync.Mutex
	limit int
	size  int
	order *list.List // front: used last
	items map[cacheKey]*list.Element
}

func newCache(limit int) *cache {
	return &cache{limit: limit, order: list.New(), items: map[cacheKey]*list.Element{}}
}

func (c *cache) get(k cacheKey) (*Analysis, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.items[k]
	if !ok {
		return nil, false
	}
	c.order.MoveToFront(e)
	return e.Value.(*cacheEntry).value, true
}

// put keeps v unless it is so large that it would drive out much else.
func (c *cache) put(k cacheKey, v *Analysis) {
	size := 512 + 2*len(k.text) + len(k.state) + len(k.catalogue) + v.Facts.SizeVT()
	if size > c.limit/16 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.items[k]; ok {
		return
	}
	c.items[k] = c.order.PushFront(&cacheEntry{k, v, size})
	c.size += size
	for c.size > c.limit {
		last := c.order.Back()
		old := c.order.Remove(last).(*cacheEntry)
		delete(c.items, old.key)
		c.size -= old.size
	}
}
