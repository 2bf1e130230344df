package mask

// automaton is an Aho-Corasick machine over words in ASCII, blind to case, as a full table: one
// look-up a byte, no failure links left at run time. The libraries that there are allocate for each match
// or keep a row of 256 states for each state.
type automaton struct {
	class   [256]uint8 // the column of a byte; 0 for those in no word
	columns int
	next    []uint32 // state times columns plus column; the top bit says that words end there
	ends    []int32  // by state: the index in lists of the words that end there, -1 for none
	lists   [][]int
	sizes   []int // of the words, in bytes
	depth   []int // by state: how long the beginning of a word is that ends there
}

// final marks a transition to a state where words end.
const final = 1 << 31

// newAutomaton builds the machine for words in lower case.
func newAutomaton(words []string) *automaton {
	a := &automaton{columns: 1}
	for _, w := range words {
		a.sizes = append(a.sizes, len(w))
		for i := range len(w) {
			if c := w[i]; a.class[c] == 0 {
				a.class[c] = uint8(a.columns)
				a.columns++
				if c >= 'a' && c <= 'z' {
					a.class[c&^0x20] = a.class[c]
				}
			}
		}
	}
	own := a.trie(words)
	a.link(own)
	return a
}

// trie fills next with the words alone and returns which words end in which state.
func (a *automaton) trie(words []string) (own [][]int) {
	a.next = make([]uint32, a.columns)
	own, a.depth = [][]int{nil}, []int{0}
	for n, w := range words {
		state := 0
		for i := range len(w) {
			at := state*a.columns + int(a.class[w[i]])
			if a.next[at] == 0 {
				a.next[at] = uint32(len(own))
				own = append(own, nil)
				a.depth = append(a.depth, i+1)
				a.next = append(a.next, make([]uint32, a.columns)...)
			}
			state = int(a.next[at])
		}
		own[state] = append(own[state], n)
	}
	return own
}

// link adds, breadth first, where to go on from the longest suffix that is a beginning too.
func (a *automaton) link(own [][]int) {
	fail := make([]int, len(own))
	queue := []int{0}
	for len(queue) > 0 {
		s := queue[0]
		queue = queue[1:]
		for c := range a.columns {
			at := s*a.columns + c
			back := int(a.next[fail[s]*a.columns+c])
			child := int(a.next[at])
			switch {
			case child == 0:
				a.next[at] = uint32(back)
			default:
				if s != 0 {
					fail[child] = back
					own[child] = append(own[child], own[back]...)
				}
				queue = append(queue, child)
			}
		}
	}
	a.ends = make([]int32, len(own))
	for s := range own {
		a.ends[s] = -1
		if len(own[s]) > 0 {
			a.ends[s] = int32(len(a.lists))
			a.lists = append(a.lists, own[s])
		}
	}
	for i, s := range a.next {
		mark := uint32(0)
		if a.ends[s] >= 0 {
			mark = final
		}
		a.next[i] = s*uint32(a.columns) | mark
	}
}
