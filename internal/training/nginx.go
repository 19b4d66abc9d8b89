package training

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"drydock/internal/aside"
)

// nginxFile is what the exercise adds; nobody else has a file of that name.
const nginxFile = "nginx/conf.d/training.conf"

const nginxText = `# Larger pieces for the slow disk.
output_bufers 2 64k;
`

func nginxBroken() Exercise {
	return Exercise{
		Name:  "nginx-broken",
		Story: "A colleague says: I have added one line to the gateway's configuration, and now nginx:reload refuses everything. The site is still up, but a fix has to go live today.",
		Hint:  "nginx itself can say what it does not like, with file and line. Which target asks it, without touching the gateway that runs?",
		harm: func(_ context.Context, s *scene) error {
			return aside.WriteBytes(filepath.Join(s.settings.Root, filepath.FromSlash(nginxFile)), 0o644, []byte(nginxText))
		},
		check: func(ctx context.Context, s *scene) ([]string, error) {
			refused, err := s.Nginx(ctx, false)
			if refused == "" || err != nil {
				return nil, err
			}
			return []string{"no configuration can go live: nginx refuses the one of this checkout"}, nil
		},
		before: func(_ context.Context, s *scene) error {
			err := os.Remove(filepath.Join(s.settings.Root, filepath.FromSlash(nginxFile)))
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			return err
		},
		// The trainee may have loaded a corrected line, which must not stay either.
		undo: func(ctx context.Context, s *scene) error {
			refused, err := s.Nginx(ctx, true)
			if err == nil && refused != "" {
				err = errors.New("nginx refuses the configuration of this checkout, for another reason than the exercise: " + refused)
			}
			return err
		},
	}
}
