package image

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	units "github.com/docker/go-units"

	"drydock/internal/run"
)

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
