package image

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"drydock/internal/engine"
	"drydock/internal/flock"
)

// room is the private folder of one build: contexts, secrets, layers. It is locked while
// the build lives, so that the next build can tell what a killed one left behind from
// what another one is using.
type room struct {
	dir  string
	lock *os.File
}

const working = "building-" // how tags begin that live as long as a build

// newRoom makes a folder below parent, and clears those of builds that were killed.
func newRoom(ctx context.Context, parent string, e Builder, prefix string) (*room, error) {
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return nil, fmt.Errorf("making room for a build: %w", err)
	}
	if err := clearRooms(ctx, parent, e, prefix); err != nil {
		return nil, fmt.Errorf("clearing up after a build that was killed: %w", err)
	}
	for {
		r, err := takeRoom(parent)
		if err != nil {
			return nil, fmt.Errorf("making room for a build: %w", err)
		}
		if r != nil {
			return r, nil
		}
	}
}

// takeRoom is nil where another build took the new folder for a dead one's: it found the
// lock's file before it was locked.
func takeRoom(parent string) (*room, error) {
	dir, err := os.MkdirTemp(parent, "")
	if err != nil {
		return nil, err
	}
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if err := flock.Wait(lock, flock.Exclusive); err != nil {
		return nil, errors.Join(err, lock.Close(), os.RemoveAll(dir))
	}
	if _, err := os.Stat(lock.Name()); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		return nil, errors.Join(err, lock.Close())
	}
	return &room{dir: dir, lock: lock}, nil
}

func (r *room) Close() error { return errors.Join(os.RemoveAll(r.dir), r.lock.Close()) }

// clearRooms removes folders that nobody holds, and the working names of their builds.
func clearRooms(ctx context.Context, parent string, e Builder, prefix string) error {
	entries, err := os.ReadDir(parent)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		dir := filepath.Join(parent, entry.Name())
		lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR, 0o600)
		if errors.Is(err, fs.ErrNotExist) {
			continue // being made, or not ours
		}
		if err != nil {
			return err
		}
		free, err := flock.Try(lock, flock.Exclusive)
		if err == nil && free {
			err = dropWorking(ctx, e, prefix, entry.Name())
		}
		if err == nil && free {
			err = os.RemoveAll(dir)
		}
		if err := errors.Join(err, lock.Close()); err != nil {
			return err
		}
	}
	return nil
}

// dropWorking removes the names that a build gave to what it was making.
func dropWorking(ctx context.Context, e Builder, prefix, id string) error {
	images, err := e.Images(ctx, engine.Filter{Names: []string{prefix + "/*:" + working + id}})
	if err != nil {
		return err
	}
	for _, img := range images {
		for _, tag := range img.Tags {
			if !strings.HasPrefix(tag, prefix+"/") || !strings.HasSuffix(tag, ":"+working+id) {
				continue
			}
			if err := e.RemoveImage(ctx, tag); err != nil {
				return err
			}
		}
	}
	return nil
}
