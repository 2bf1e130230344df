package replay

import (
	"log/slog"

	"sallyport/schemas"
	"sallyport/schemas/journal"
)

// readControl reads a fact of CONTROL. One that cannot be read, because it is damaged or of a later release, is told and
// passed over (nil): it must not hide what comes after it.
func readControl(m journal.Message, logger *slog.Logger) *schemas.Control {
	c := new(schemas.Control)
	if err := c.UnmarshalVT(m.Data); err != nil {
		logger.Error("a fact cannot be read, and is passed over", "stream", m.Stream, "sequence", m.Sequence, "error", err)
		return nil
	}
	return c
}
