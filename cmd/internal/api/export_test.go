package api

// Inside is inside, for tests.
func Inside(next string) string { return inside(next) }
