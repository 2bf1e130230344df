package replay

import "io"

// Folder is where the indexes are.
func (x *Indexes) Folder() string { return x.c.Dir }

// FileName is what a path is saved as.
func FileName(path string, command uint64) string { return fileName(path, command) }

// InOrder hands on what comes nearly in order.
func InOrder(to io.Writer) io.WriterAt { return &inOrder{to: to} }
