package report

import (
	"context"

	"drydock/internal/backup/store"
)

// oneSpace is a file system as the backup service lists it.
type oneSpace struct {
	Of    string `json:"of"`
	Free  int64  `json:"free"`
	Total int64  `json:"total"`
}

// ownSpace is the disk of an engine on this machine, for when the backup service cannot be
// asked; nil where this machine does not see it.
func (g Gatherer) ownSpace(ctx context.Context) []oneSpace {
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
	return []oneSpace{{Of: "engine", Free: free, Total: total}}
}

// disks puts together what is on one disk, which mostly is everything. Two of the same size
// to the byte, with as much left but for what was written between two questions, are one.
func disks(list []oneSpace) []Space {
	const between = 64 << 20
	out := []Space{}
next:
	for _, s := range list {
		for i, o := range out {
			if o.Total == s.Total && max(o.Free-s.Free, s.Free-o.Free) < between {
				out[i].Of, out[i].Free = append(o.Of, s.Of), min(o.Free, s.Free)
				continue next
			}
		}
		out = append(out, Space{Of: []string{s.Of}, Free: s.Free, Total: s.Total})
	}
	return out
}
