package replay

import "sallyport/schemas"

// Progress is how far a projection is into a stream of the log.
type Progress struct {
	Stream   schemas.Stream
	Position uint64 // last sequence that was taken in
}

// Progress says how far the list of sessions is.
func (s *Sessions) Progress() []Progress {
	s.mu.Lock()
	defer s.mu.Unlock()
	return []Progress{{schemas.Facts, s.position}}
}

// Progress says how far the events are into what they are made from.
func (p *Events) Progress() []Progress {
	p.mu.Lock()
	defer p.mu.Unlock()
	return []Progress{{schemas.Facts, max(p.facts, p.cursor.facts)}, {schemas.Controls, max(p.control, p.cursor.control)}}
}
