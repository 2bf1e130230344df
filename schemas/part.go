package schemas

// Parts that ConcealedValue.part names of a stream.
const (
	PartOutput      = "output"
	PartErrorOutput = "error output"
	PartInput       = "input"
)

// PartOf is the part that a channel is.
func PartOf(c Channel) string {
	switch c {
	case Channel_CHANNEL_ERR:
		return PartErrorOutput
	case Channel_CHANNEL_IN:
		return PartInput
	}
	return PartOutput
}

// OfStream reports whether v stood in a stream: row and length are bytes of its recorded form.
func (v *ConcealedValue) OfStream() bool {
	return v.Part == PartOutput || v.Part == PartErrorOutput || v.Part == PartInput
}
