// Package dashboards holds what screens show: the pages of the wall and the
// desk, which the agent serves itself.
package dashboards

import (
	"embed"
	"io/fs"
)

//go:embed wall
var files embed.FS

// Wall returns the files of the wall and the desk.
func Wall() fs.FS {
	sub, err := fs.Sub(files, "wall")
	if err != nil {
		panic(err) // the folder is there, it is embedded
	}
	return sub
}
