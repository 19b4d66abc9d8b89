package store

import (
	"cmp"
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

func sortIDs(ids []string) {
	slices.SortFunc(ids, func(a, b string) int {
		return cmp.Or(cmp.Compare(Sequence(a), Sequence(b)), strings.Compare(a, b))
	})
}

const counterFile = "sequence"

// newID needs the state lock. The counter survives the removal of the newest backup; where
// it is lost or behind, what lies in the repository says how far the numbers came.
func (s *Store) newID(now time.Time) (string, error) {
	var last uint64
	text, err := os.ReadFile(s.path(counterFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	if n, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64); err == nil {
		last = n
	}
	for _, place := range []struct{ dir, prefix, suffix string }{
		{backupsDir, "", ""}, {backupsDir, partialPrefix, ""}, {indexDir, "", ".json"}, {failuresDir, "", ".json"}, {trashDir, "", ""},
	} {
		ids, err := s.names(place.dir, place.prefix, place.suffix)
		if err != nil {
			return "", err
		}
		if len(ids) > 0 {
			last = max(last, Sequence(ids[len(ids)-1]))
		}
	}
	last++
	if err := aside.WriteBytes(s.path(counterFile), fileMode, []byte(strconv.FormatUint(last, 10)+"\n")); err != nil {
		return "", err
	}
	var chance [3]byte
	_, _ = rand.Read(chance[:]) // never fails
	return fmt.Sprintf("%06d-%s-%s", last, now.UTC().Format("20060102T150405Z"), hex.EncodeToString(chance[:])), nil
}
