package schemas

// Parts that ConcealedValue.part names of a stream.
const (
	PartOutput      = "output"
	PartErrorOutput = "error output"
)

// PartOf is the part that a channel's output is.
func PartOf(c Channel) string {
	if c == Channel_CHANNEL_ERR {
		return PartErrorOutput
	}
	return PartOutput
}

// OfStream reports whether v stood in a stream: row and length are bytes of its recorded form.
func (v *ConcealedValue) OfStream() bool { return v.Part == PartOutput || v.Part == PartErrorOutput }
