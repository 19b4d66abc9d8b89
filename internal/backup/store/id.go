package store

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"drydock/internal/aside"
)

// An id is <number>-<time>-<chance>: 000042-20260131T120000Z-9f3a11. The number gives the
// order and lets a person type only `42`. The time is what the clock said, for people: it
// decides nothing. The chance tells apart two repositories that are poured together.
var idForm = regexp.MustCompile(`^[0-9]{6,18}-[0-9]{8}T[0-9]{6}Z-[0-9a-f]{6}$`)

func validID(id string) bool { return idForm.MatchString(id) }

// Sequence is the number of an id: a backup with a greater one was begun later.
func Sequence(id string) uint64 {
	head, _, _ := strings.Cut(id, "-")
	n, _ := strconv.ParseUint(head, 10, 64) // 0 for what is no id
	return n
}

// number reads what a person calls a backup by for short: the number of its id, with or without the
// zeros in front; not ok for anything else.
func number(asked string) (n uint64, ok bool) {
	n, err := strconv.ParseUint(asked, 10, 64)
	return n, err == nil && n > 0
}

// Means says whether the backup with an id is meant by what a person asked for.
func Means(asked, id string) bool {
	n, ok := number(asked)
	return asked == id || ok && n == Sequence(id)
}

func sortIDs(ids []string) {
	slices.SortFunc(ids, func(a, b string) int {
		return cmp.Or(cmp.Compare(Sequence(a), Sequence(b)), strings.Compare(a, b))
	})
}

const counterFile = "sequence"

// Numbered says whether a backup was ever begun here.
func (s *Store) Numbered(ctx context.Context) (yes bool, err error) {
	err = s.locked(ctx, func() error {
		last, err := s.lastNumber()
		yes = last > 0
		return err
	})
	return yes, s.wrap("looking for the last number", err)
}

// Continue makes the numbers that are given from now on greater than n: another machine's backups, of which
// there are copies elsewhere, have those.
func (s *Store) Continue(ctx context.Context, n uint64) error {
	if err := s.writable("continuing the numbers of another machine"); err != nil {
		return err
	}
	return s.wrap("continuing the numbers of another machine", s.locked(ctx, func() error {
		if last, err := s.lastNumber(); err != nil || last >= n {
			return err
		}
		return s.writeNumber(n)
	}))
}

func (s *Store) writeNumber(n uint64) error {
	return aside.WriteBytes(s.path(counterFile), fileMode, []byte(strconv.FormatUint(n, 10)+"\n"))
}

// lastNumber is the last one that was given. The counter survives the removal of the newest backup; where
// it is lost or behind, what lies in the repository says how far the numbers came. It needs the state lock.
func (s *Store) lastNumber() (uint64, error) {
	var last uint64
	text, err := os.ReadFile(s.path(counterFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, err
	}
	if n, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64); err == nil {
		last = n
	}
	for _, place := range []struct{ dir, prefix, suffix string }{
		{backupsDir, "", ""}, {backupsDir, partialPrefix, ""}, {indexDir, "", ".json"}, {failuresDir, "", ".json"}, {trashDir, "", ""},
	} {
		ids, err := s.names(place.dir, place.prefix, place.suffix)
		if err != nil {
			return 0, err
		}
		if len(ids) > 0 {
			last = max(last, Sequence(ids[len(ids)-1]))
		}
	}
	return last, nil
}

// newID needs the state lock.
func (s *Store) newID(now time.Time) (string, error) {
	last, err := s.lastNumber()
	if err != nil {
		return "", err
	}
	last++
	if err := s.writeNumber(last); err != nil {
		return "", err
	}
	var chance [3]byte
	_, _ = rand.Read(chance[:]) // never fails
	return fmt.Sprintf("%06d-%s-%s", last, now.UTC().Format("20060102T150405Z"), hex.EncodeToString(chance[:])), nil
}
