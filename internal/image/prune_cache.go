package image

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	units "github.com/docker/go-units"

	"drydock/internal/engine"
	"drydock/internal/run"
)

// CacheRules limits BuildKit's cache. It belongs to the whole engine, and nothing in it
// tells one project's part from another's. So it is never emptied: what somebody used lately
// stays, and of the rest what was used last, up to a size.
type CacheRules struct {
	Unused time.Duration // drop what was not used for so long; 0 is no limit
	Keep   int64         // bytes that may stay; 0 is no limit
	Env    []string      // environment of the docker command: PATH, HOME, DOCKER_HOST
}

// CacheBound is the rule as a report shows it; the JSON names are stable.
type CacheBound struct {
	Scope  string `json:"scope"`          // engine: of all who build there
	Unused int64  `json:"unused_seconds"` // only what nobody used for so long goes
	Keep   int64  `json:"keep"`           // bytes that stay all the same
}

func (r CacheRules) bound() *CacheBound {
	return &CacheBound{Scope: "engine", Unused: int64(r.Unused / time.Second), Keep: r.Keep}
}

// sentence says it to a person.
func (b CacheBound) sentence(r PruneReport) string {
	done := "freed"
	if r.DryRun {
		done = "would be freed at most"
	}
	text := fmt.Sprintf("build cache of the whole engine, of other projects too: %s %s", size(r.Cache), done)
	if b.Unused > 0 {
		text += ", of what nobody used for " + units.HumanDuration(time.Duration(b.Unused)*time.Second)
	}
	if b.Keep > 0 {
		text += fmt.Sprintf("; the newest %s stay", size(b.Keep))
	}
	return text
}

// estimate is the most that prune can give back.
func (r CacheRules) estimate(usage engine.DiskUsage, now time.Time) int64 {
	var idle int64
	for _, c := range usage.CacheIdle {
		if now.Sub(c.Used) >= r.Unused {
			idle += c.Size
		}
	}
	return min(idle, max(usage.BuildCache-r.Keep, 0))
}

// prune runs `docker buildx prune` and returns the bytes that it gave back.
func (r CacheRules) prune(ctx context.Context) (int64, error) {
	out, err := run.Output(ctx, run.Cmd{Name: "docker", Args: r.args(), Env: r.Env})
	if err != nil {
		return 0, fmt.Errorf("pruning the build cache: %w", err)
	}
	return parseCacheTotal(string(out))
}

func (r CacheRules) args() []string {
	args := []string{"buildx", "prune", "--force"}
	if r.Unused > 0 {
		args = append(args, "--filter", "until="+r.Unused.String())
	}
	if r.Keep > 0 {
		// buildx 0.17 calls it --reserved-space and still takes the old name.
		args = append(args, "--keep-storage", strconv.FormatInt(r.Keep, 10))
	}
	return args
}

// parseCacheTotal reads the last line, "Total:\t1.2GB".
func parseCacheTotal(out string) (int64, error) {
	text := strings.TrimSpace(out)
	last := text[strings.LastIndexByte(text, '\n')+1:]
	value, ok := strings.CutPrefix(last, "Total:")
	if !ok {
		return 0, fmt.Errorf("reading the answer of docker buildx prune: expected a total, found %q", last)
	}
	n, err := units.FromHumanSize(strings.TrimSpace(value))
	if err != nil {
		return 0, fmt.Errorf("reading the answer of docker buildx prune: %w", err)
	}
	return n, nil
}
