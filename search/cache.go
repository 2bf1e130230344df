package search

// cache keeps between size and twice size of the values used last; it is not safe for concurrent
// use. What it forgets can be read again, from the index or the log.
type cache[K comparable, V any] struct {
	size       int
	young, old map[K]V
}

func newCache[K comparable, V any](size int) *cache[K, V] {
	return &cache[K, V]{size: size, young: map[K]V{}, old: map[K]V{}}
}

func (c *cache[K, V]) get(k K) (V, bool) {
	v, ok := c.young[k]
	if ok {
		return v, true
	}
	if v, ok = c.old[k]; ok {
		c.put(k, v)
	}
	return v, ok
}

func (c *cache[K, V]) put(k K, v V) {
	if _, ok := c.young[k]; !ok && len(c.young) >= c.size {
		c.young, c.old = map[K]V{}, c.young
	}
	c.young[k] = v
}

func (c *cache[K, V]) clear() {
	c.young, c.old = map[K]V{}, map[K]V{}
}
