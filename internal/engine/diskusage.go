package engine

import (
	"context"
	"time"

	"github.com/docker/docker/api/types"
)

// DiskUsage is what the engine's objects take, in bytes.
type DiskUsage struct {
	Layers     int64            // of all images, shared ones once
	Containers int64            // what containers wrote outside of volumes
	BuildCache int64            // without what images share with it
	CacheIdle  []IdleCache      // the part of it that nothing uses now
	Volumes    map[string]int64 // by name; -1 when the driver cannot tell
}

// IdleCache is one record of the build cache.
type IdleCache struct {
	Size int64
	Used time.Time // last
}

// DiskUsage asks the engine to add up; on a large engine it takes a while.
func (c *Client) DiskUsage(ctx context.Context) (DiskUsage, error) {
	du, err := c.api.DiskUsage(ctx, types.DiskUsageOptions{})
	if err != nil {
		return DiskUsage{}, c.fail(err, "asking the engine for its disk usage")
	}
	out := DiskUsage{Layers: du.LayersSize, Volumes: map[string]int64{}}
	for _, in := range du.Containers {
		out.Containers += in.SizeRw
	}
	for _, b := range du.BuildCache {
		if b.Shared {
			continue
		}
		out.BuildCache += b.Size
		if b.InUse {
			continue
		}
		used := b.CreatedAt
		if b.LastUsedAt != nil {
			used = *b.LastUsedAt
		}
		out.CacheIdle = append(out.CacheIdle, IdleCache{Size: b.Size, Used: used})
	}
	for _, v := range du.Volumes {
		out.Volumes[v.Name] = -1
		if v.UsageData != nil {
			out.Volumes[v.Name] = v.UsageData.Size
		}
	}
	return out, nil
}
