package report

import (
	"context"

	"drydock/internal/backup/store"
	"drydock/internal/disk"
)

// ownSpace is the disk of an engine on this machine, for when the backup service cannot be
// asked; nil where this machine does not see it.
func (g Gatherer) ownSpace(ctx context.Context) []disk.Filesystem {
	if !g.Stack.Engine.Local() {
		return nil
	}
	info, err := g.Stack.Engine.Info(ctx)
	if err != nil {
		return nil
	}
	free, total, err := store.Space(info.RootDir)
	if err != nil {
		return nil
	}
	return []disk.Filesystem{{Of: "engine", Free: free, Total: total}}
}
