package lint

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"drydock/internal/gateway/lint/conf"
)

// Input is what Run looks at.
type Input struct {
	// Root is a folder, or a main file whose folder is read; a path of the machine, or
	// one inside FS if that is set.
	Root string
	FS   fs.FS
	// Prefix is where the folder stands when nginx runs; absolute includes below it are
	// looked for in the folder. "" is /etc/nginx.
	Prefix string
	// Version of the nginx that will run, for example 1.30.6. "" is the newest known.
	Version string
	// Stack is what surrounds the gateway; nil turns the rules about it off.
	Stack *Stack
}

// Stack is the part of the compose project that a gateway depends on.
type Stack struct {
	Services []Service
	Gateway  string // name of the service that runs this configuration
	Backend  Backend
	// Resolved are host names that the gateway's own name server knows, besides the
	// services (a trailing match: "pool" covers backend-blue.pool).
	Resolved []string
}

// Service is one service of the project.
type Service struct {
	Name      string
	Networks  []string
	Aliases   []string // further names on those networks
	Ports     []int    // container ports that it listens on; none means unknown
	Published []Published
	ReadOnly  bool     // root file system
	Writable  []string // tmpfs and volumes, absolute paths in the container
}

// Published is a port of a container that is reachable at the host.
type Published struct {
	Container int
	Host      int
}

// Backend are the limits of the application behind the gateway. A zero value is unknown.
type Backend struct {
	BodyLimit  int64         // bytes that it accepts
	Timeout    time.Duration // the longest time that it works on a request
	HealthPath string        // asked through the gateway, for example /healthz
}

func (s *Stack) gateway() *Service {
	if s == nil {
		return nil
	}
	for i := range s.Services {
		if s.Services[i].Name == s.Gateway {
			return &s.Services[i]
		}
	}
	return nil
}

// Load reads the configuration of an Input; package routes works on the result.
func Load(in Input) (*conf.Config, error) {
	fsys, main := in.FS, ""
	root := in.Root
	if root == "" {
		root = "."
	}
	if fsys == nil {
		info, err := os.Stat(root)
		if err != nil {
			return nil, fmt.Errorf("looking at the nginx configuration: %w; give the folder that holds nginx.conf, or the file itself", err)
		}
		if !info.IsDir() {
			root, main = filepath.Split(filepath.Clean(root))
			if root == "" {
				root = "."
			}
		}
		fsys = os.DirFS(root)
	} else {
		info, err := fs.Stat(fsys, root)
		if err != nil {
			return nil, fmt.Errorf("looking at the nginx configuration: %w", err)
		}
		if info.IsDir() {
			if fsys, err = fs.Sub(fsys, root); err != nil {
				return nil, fmt.Errorf("looking at the nginx configuration: %w", err)
			}
		} else {
			main = root
		}
	}
	cfg, err := conf.Load(fsys, conf.Options{Main: main, Prefix: in.Prefix})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", in.Root, err)
	}
	return cfg, nil
}
