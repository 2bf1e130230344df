package lineage

import (
	"strconv"
	"strings"
	"sync"

	"sallyport/enforcer/internal/pgsql"
)

// keptBytes bounds the texts whose results a World keeps.
const keptBytes = 4 << 20

// results keeps what was found, until there is too much of it.
type results struct {
	mu   sync.Mutex
	kept map[string]*Result
	size int
}

func (r *results) get(key string) *Result {
	if key == "" {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.kept[key]
}

func (r *results) put(key string, found *Result, size int) {
	size = 1024 + 2*size
	if key == "" || size > keptBytes/16 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.kept == nil || r.size+size > keptBytes {
		r.kept, r.size = map[string]*Result{}, 0
	}
	r.kept[key] = found
	r.size += size
}

// resultKey is all that a result depends on, empty when that is too much.
func resultKey(text, version string, before []pgsql.Before) string {
	var b strings.Builder
	b.WriteString(text)
	part := func(s string) {
		b.WriteByte(0)
		b.WriteString(s)
	}
	part(version)
	for _, s := range before {
		if len(s.Prepared) > 0 || len(s.Cursors) > 0 {
			return ""
		}
		part(strconv.FormatBool(s.Known))
		part(s.User)
		part(strconv.Itoa(len(s.Path)))
		for _, p := range s.Path {
			part(p)
		}
		for _, t := range s.Temporary {
			part("\x01" + t.Name)
			for _, c := range t.Columns {
				part(c)
			}
		}
	}
	return b.String()
}

// major is the first number of a version such as 15.4 (Debian …); 0 when there is none.
func major(version string) int {
	end := strings.IndexFunc(version, func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		end = len(version)
	}
	n, err := strconv.Atoi(version[:end])
	if err != nil {
		return 0
	}
	return n
}
