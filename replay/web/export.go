package web

import _ "embed"

//go:embed dist-export/export.js
var exportJS string

//go:embed dist-export/export.css
var exportCSS string

// Export returns the player as one script and one style sheet, for a page that is a file: it takes
// what it shows out of the page and asks nothing of any server.
func Export() (js, css string) { return exportJS, exportCSS }
