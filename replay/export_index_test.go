package replay

// Folder is where the indexes are.
func (x *Indexes) Folder() string { return x.c.Dir }
