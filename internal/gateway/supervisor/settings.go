package supervisor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"drydock/internal/gateway/pool"
	"drydock/internal/gateway/render"
)

// Settings is everything that the supervisor is told at its start.
type Settings struct {
	Values        render.Values
	MaxOldWorkers int           // MAX_OLD_WORKERS: workers of before that may still serve; the oldest is ended beyond that
	StopTimeout   time.Duration // STOP_TIMEOUT: how long requests in flight may take when the gateway ends
	Watch         time.Duration // RELOAD_WATCH: how long new workers are watched after a reload
	Timing        pool.Timing
	Paths         Paths
}

// Paths are the places that the supervisor works in.
type Paths struct {
	Run        string // generations, sockets, the pipe; emptied at the start
	State      string // survives the container if a volume is there
	Image      string // the image's own configuration
	ResolvConf string
	Resolver   string // host:port of the name server for nginx
	Public     string // host:port of the read-only port
}

// DefaultPaths are those of the image.
func DefaultPaths() Paths {
	return Paths{
		Run: render.RunDir, State: render.StateDir, Image: "/etc/nginx", ResolvConf: "/etc/resolv.conf",
		Resolver: render.ResolverAddr, Public: fmt.Sprintf(":%d", render.AdminPort),
	}
}

// brotliModule is there if the image has nginx with brotli.
const brotliModule = "/usr/lib/nginx/modules/ngx_http_brotli_filter_module.so"

// FromEnviron reads the settings. The error has everything that is wrong.
func FromEnviron(getenv func(string) string) (Settings, error) {
	workers := getenv("WORKERS")
	if workers == "" {
		workers = strconv.Itoa(fittingWorkers())
	}
	values, err := render.FromEnviron(func(name string) string {
		if name == "WORKERS" {
			return workers
		}
		return getenv(name)
	})
	var problems render.Problems
	if err != nil && !errors.As(err, &problems) {
		return Settings{}, WithCode(CodeUsage, err)
	}
	s := Settings{Values: values, Timing: pool.DefaultTiming(), Paths: DefaultPaths()}
	_, missing := os.Stat(brotliModule)
	s.Values.Brotli = missing == nil
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		return Settings{}, fmt.Errorf("asking how many files may be open: %w", err)
	}
	s.Values.OpenFiles = int(min(files.Max, 1<<20)) // RLIM_INFINITY does not fit an int

	s.MaxOldWorkers, err = strconv.Atoi(or(getenv("MAX_OLD_WORKERS"), "8"))
	if err != nil || s.MaxOldWorkers < 1 || s.MaxOldWorkers > 1000 {
		problems = append(problems, fmt.Sprintf("MAX_OLD_WORKERS is %q; expected a whole number from 1 to 1000", getenv("MAX_OLD_WORKERS")))
	}
	duration := func(name, fallback string, low, high time.Duration) time.Duration {
		d, err := time.ParseDuration(or(getenv(name), fallback))
		if err != nil || d < low || d > high {
			problems = append(problems, fmt.Sprintf("%s is %q; expected a duration such as 25s, from %s to %s", name, getenv(name), low, high))
		}
		return d
	}
	s.StopTimeout = duration("STOP_TIMEOUT", "25s", time.Second, time.Hour)
	s.Watch = duration("RELOAD_WATCH", "2s", 0, time.Minute)
	if len(problems) > 0 {
		return Settings{}, problems
	}
	return s, nil
}

func or(value, fallback string) string {
	if value == "" {
		return fallback
	}
	return value
}

// workerMemory is what a worker with all its connections and buffers busy is taken as.
const workerMemory = 32 << 20

// fittingWorkers is one worker for each processor that the container may use, but no
// more than its memory holds. The image's container-limit knows both; elsewhere it is one.
func fittingWorkers() int {
	limit := func(what string) int {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		out, err := exec.CommandContext(ctx, "container-limit", what).Output()
		if err != nil {
			return 0
		}
		n, _ := strconv.Atoi(strings.TrimSpace(string(out))) // nothing printed: no limit
		return n
	}
	n := max(1, limit("cpus"))
	if memory := limit("memory"); memory > 0 {
		n = min(n, max(1, memory/workerMemory))
	}
	return n
}
