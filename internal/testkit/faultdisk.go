package testkit

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"drydock/internal/run"
)

// Disk makes a volume that is a small disk of its own, so that it can be full while the
// machine's is not. Size is in bytes. It is removed like any other with its labels; the file
// behind it goes with the test.
func Disk(t testing.TB, name string, size int64, labels map[string]string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("making a disk: %v", err)
		}
	}
	must(os.WriteFile(file, nil, 0o600))
	must(os.Truncate(file, size))
	tool := func(ctx context.Context, program string, args ...string) (string, error) {
		out, err := run.Output(ctx, run.Cmd{Name: program, Args: args, Env: withSbin(os.Environ())})
		return strings.TrimSpace(string(out)), err
	}
	_, err := tool(t.Context(), "mkfs.ext4", "-q", "-m", "0", file)
	must(err)
	// What an image has at that place is copied into an empty volume only.
	_, err = tool(t.Context(), "debugfs", "-w", "-R", "rmdir lost+found", file)
	must(err)
	device, err := tool(t.Context(), "losetup", "--find", "--show", file)
	must(err)
	// A device in use goes when it is not any more.
	undo(t, func(ctx context.Context) error {
		_, err := tool(ctx, "losetup", "--detach", device)
		return err
	})
	args := append([]string{"volume", "create", "--driver", "local", "--opt", "type=ext4", "--opt", "device=" + device}, labelOptions(labels)...)
	_, err = tool(t.Context(), "docker", append(args, name)...)
	must(err)
}
