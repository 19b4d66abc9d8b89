package engine

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/docker/docker/api/types/container"
	"golang.org/x/sync/errgroup"
)

// Stats is what a container uses at one moment.
type Stats struct {
	Memory      uint64 // bytes in use, without the page cache that can be dropped
	MemoryLimit uint64 // bytes; the machine's memory when there is no limit
	Pids        uint64
	CPU         uint64 // nanoseconds used since the start
	NetworkRx   uint64 // bytes received, all networks
	NetworkTx   uint64 // bytes sent
}

// Stats asks for many containers at once. One that is not running, or is gone, is left
// out of the result.
func (c *Client) Stats(ctx context.Context, ids ...string) (map[string]Stats, error) {
	results := make([]*Stats, len(ids))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(inspections)
	for i, id := range ids {
		g.Go(func() error {
			s, err := c.stats(gctx, id)
			if errors.Is(err, ErrNotFound) || errors.Is(err, ErrConflict) {
				return nil
			}
			results[i] = s
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	found := map[string]Stats{}
	for i, s := range results {
		if s != nil {
			found[ids[i]] = *s
		}
	}
	return found, nil
}

// statsAttempts is how often a running container is asked. The engine collects once a
// second, and answers with zeros while it cannot, which happens just after a start.
const statsAttempts = 3

func (c *Client) stats(ctx context.Context, id string) (*Stats, error) {
	for range statsAttempts {
		s, err := c.statsOnce(ctx, id)
		if s != nil || err != nil {
			return s, err
		}
		in, err := c.Container(ctx, id)
		if err != nil || in.State != Running {
			return nil, err
		}
	}
	return nil, nil
}

func (c *Client) statsOnce(ctx context.Context, id string) (*Stats, error) {
	r, err := c.api.ContainerStatsOneShot(ctx, id)
	if err != nil {
		return nil, c.fail(err, "reading the statistics of container %s", short(id))
	}
	defer r.Body.Close()
	var s container.StatsResponse
	if err := json.NewDecoder(r.Body).Decode(&s); err != nil {
		return nil, c.fail(err, "reading the statistics of container %s", short(id))
	}
	if s.MemoryStats.Limit == 0 {
		return nil, nil // the engine answers with zeros for a stopped container
	}
	out := &Stats{
		Memory: used(s.MemoryStats), MemoryLimit: s.MemoryStats.Limit, Pids: s.PidsStats.Current,
		CPU: s.CPUStats.CPUUsage.TotalUsage,
	}
	for _, n := range s.Networks {
		out.NetworkRx += n.RxBytes
		out.NetworkTx += n.TxBytes
	}
	return out, nil
}

// used subtracts the inactive page cache, as `docker stats` does; its name differs
// between cgroup versions 1 and 2.
func used(m container.MemoryStats) uint64 {
	for _, key := range []string{"total_inactive_file", "inactive_file"} {
		if cache, ok := m.Stats[key]; ok && cache < m.Usage {
			return m.Usage - cache
		}
	}
	return m.Usage
}
