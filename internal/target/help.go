package target

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"drydock/internal/env"
	"drydock/internal/manual"
)

// Help prints the targets by group.
func Help(ctx context.Context) error {
	return Source(ctx, func(_ context.Context, src env.Source) error {
		list, err := manual.Targets(filepath.Join(src.Root, "magefiles"))
		if err != nil {
			return err
		}
		_, err = fmt.Fprint(os.Stdout, manual.Help(list))
		return err
	})
}
