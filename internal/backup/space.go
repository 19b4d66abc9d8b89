package backup

import (
	"drydock/internal/backup/physical"
	"drydock/internal/backup/store"
)

// space is what a file system has left, in bytes.
type space struct {
	Of    string `json:"of"` // see spaces
	Free  int64  `json:"free"`
	Total int64  `json:"total"`
}

// spaces are the file systems that this container sees: of the backups (its volume, and the
// one of the physical ones), and of the engine's data, which the container's own root stands
// on. So it can be told of a remote engine, too. One that does not say how large it is, is
// left out: a list of backups is wanted all the same.
func spaces(root string) []space {
	list := []space{}
	for _, of := range []struct{ name, dir string }{{"engine", "/"}, {"backups", root}, {"physical", physical.RepoDir}} {
		free, total, err := store.Space(of.dir)
		if err == nil && total > 0 {
			list = append(list, space{of.name, free, total})
		}
	}
	return list
}
