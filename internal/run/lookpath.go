package run

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// lookPath finds the program in the PATH that the child will have. os/exec would
// search the PATH of this process, which an explicit environment may differ from.
// Without a PATH in env this process's is used: finding a program tells the child
// nothing.
func lookPath(name, dir string, env []string) (string, error) {
	if name == "" {
		return "", fmt.Errorf("no program was named")
	}
	if strings.ContainsRune(name, filepath.Separator) {
		full := name
		if !filepath.IsAbs(full) && dir != "" {
			full = filepath.Join(dir, full)
		}
		if err := executable(full); err != nil {
			return "", fmt.Errorf("%w: %w", exec.ErrNotFound, err)
		}
		return name, nil
	}
	list, ok := Lookup(env, "PATH")
	if !ok {
		return exec.LookPath(name)
	}
	for _, d := range filepath.SplitList(list) {
		if d == "" || !filepath.IsAbs(d) {
			continue // the current folder must not decide what runs
		}
		if p := filepath.Join(d, name); executable(p) == nil {
			return p, nil
		}
	}
	return "", fmt.Errorf("%w: %s is in none of the folders of PATH (%s)", exec.ErrNotFound, name, list)
}

// Lookup returns the last value of a key in an environment, as the kernel's users take it.
func Lookup(env []string, key string) (string, bool) {
	for i := len(env) - 1; i >= 0; i-- {
		if k, v, ok := strings.Cut(env[i], "="); ok && k == key {
			return v, true
		}
	}
	return "", false
}

func executable(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.IsDir() || info.Mode()&0o111 == 0 {
		return fmt.Errorf("%s is not executable: %w", path, os.ErrPermission)
	}
	return nil
}
