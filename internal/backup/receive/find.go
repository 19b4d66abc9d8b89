package receive

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// File is a segment, or a timeline's history, that was received.
type File struct {
	Path   string
	Whole  bool
	At     time.Time // of the last write to it: no commit that it has is later
	filled int       // of a partial one: bytes that are not zero
}

// Find chooses among the runs of a database the best file for each name. Whole beats partial;
// of two partial ones, which begin alike, the fuller one is later. The receiver may be at work
// meanwhile. say is told what is left out, and why.
func Find(received, system string, say func(string)) (map[string]File, error) {
	best, err := find(filepath.Join(received, system), system, say)
	if err != nil {
		return nil, fmt.Errorf("looking for WAL that was received: %w", err)
	}
	return best, nil
}

func find(folder, system string, say func(string)) (map[string]File, error) {
	runs, err := runsOf(folder)
	if err != nil {
		return nil, err
	}
	best := map[string]File{}
	for _, id := range runs {
		run := filepath.Join(folder, id.String())
		p, err := readPosition(run)
		if err != nil {
			return nil, err
		}
		if p.Diverged {
			say("left out " + run + ": " + p.Closed)
			continue
		}
		entries, err := listed(run)
		if err != nil {
			return nil, err
		}
		for _, entry := range entries {
			name, partial := strings.CutSuffix(entry, partialSuffix)
			if !historyName.MatchString(name) && !segmentName.MatchString(name) {
				continue
			}
			f := File{Path: filepath.Join(run, entry), Whole: !partial}
			use, err := f.look(name, system, say)
			if err != nil {
				return nil, err
			}
			if old, ok := best[name]; use && (!ok || f.Whole && !old.Whole || f.Whole == old.Whole && f.filled >= old.filled) {
				best[name] = f
			}
		}
	}
	return best, nil
}

// listed are the names in a run's folder; none when it has gone. A folder with thousands of
// segments is listed in pieces, and one that becomes whole meanwhile can be missed under both of
// its names. It gets another one only once, so a second listing has it.
func listed(run string) ([]string, error) {
	all := map[string]bool{}
	for range 2 {
		entries, err := os.ReadDir(run)
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // an old run may go at any time
			return nil, err
		}
		for _, e := range entries {
			all[e.Name()] = true
		}
	}
	return slices.Sorted(maps.Keys(all)), nil
}

var historyName = regexp.MustCompile(`^[0-9A-F]{8}\.history$`)

// look reads of a file what has to be known: whether it is this database's, and how full.
func (f *File) look(name, system string, say func(string)) (use bool, err error) {
	file, err := os.Open(f.Path)
	if errors.Is(err, fs.ErrNotExist) { // it has become whole just now, or the archive has it and it was removed
		f.Path, f.Whole = strings.TrimSuffix(f.Path, partialSuffix), true
		if file, err = os.Open(f.Path); errors.Is(err, fs.ErrNotExist) {
			return false, nil
		}
	}
	if err != nil {
		return false, err
	}
	defer func() { _ = file.Close() }() // it was only read
	info, err := file.Stat()
	if err != nil {
		return false, err
	}
	f.At = info.ModTime()
	if historyName.MatchString(name) {
		return true, nil
	}
	var content io.Reader = file // of a whole one the beginning says all
	if !f.Whole {
		data, err := io.ReadAll(file)
		if err != nil {
			return false, err
		}
		if f.filled = len(data) - bytes.Count(data, []byte{0}); f.filled == 0 {
			return false, nil // nothing had come yet
		}
		content = bytes.NewReader(data)
	}
	s, ok := ParseSegment(name, uint64(info.Size()))
	if !ok {
		say(fmt.Sprintf("left out %s: a segment cannot have %d bytes", f.Path, info.Size()))
		return false, nil
	}
	if err := belongs(content, f.Path, system, s.Start(uint64(info.Size()))); err != nil {
		say(err.Error())
		return false, nil
	}
	return true, nil
}
