package board

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"hash/fnv"
	"strings"
)

// Limits of one page of the list.
const (
	DefaultLimit = 50
	MaxLimit     = 100
)

// Query selects a page of notes, newest first.
type Query struct {
	Words  []string // every one must occur in the title or the body, case ignored
	Limit  int
	Before int64 // only notes with a smaller id; 0 starts at the newest
}

// Page is a part of the list. Next is the Before of the page after it, 0 on the last one.
type Page struct {
	Notes []Note
	Next  int64
}

// ErrCursor says that a cursor was not made by EncodeCursor for this search.
var ErrCursor = errors.New("the cursor does not belong to this list; start again without it")

const (
	cursorFormat = 1
	cursorLength = 1 + 8 + 4 // format, id, hash of the search
)

// EncodeCursor makes the opaque text that continues a list. It names the last note seen, not a row number: notes that
// come or go in between can then neither repeat nor hide one. It is bound to the search it was made for.
func EncodeCursor(before int64, search string) string {
	raw := make([]byte, 0, cursorLength)
	raw = append(raw, cursorFormat)
	raw = binary.BigEndian.AppendUint64(raw, uint64(before))
	raw = binary.BigEndian.AppendUint32(raw, searchHash(search))
	return base64.RawURLEncoding.EncodeToString(raw)
}

// DecodeCursor is the reverse of EncodeCursor; the empty cursor starts at the newest note.
func DecodeCursor(cursor, search string) (int64, error) {
	if cursor == "" {
		return 0, nil
	}
	// Strict: one cursor has one spelling.
	raw, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil || len(raw) != cursorLength || raw[0] != cursorFormat {
		return 0, ErrCursor
	}
	before := int64(binary.BigEndian.Uint64(raw[1:9]))
	if before < 1 || binary.BigEndian.Uint32(raw[9:]) != searchHash(search) {
		return 0, ErrCursor
	}
	return before, nil
}

// searchHash guards against mistakes, not against attackers: a cursor gives no access that the list does not give.
func searchHash(search string) uint32 {
	h := fnv.New32a()
	h.Write([]byte(strings.Join(words(search), " ")))
	return h.Sum32()
}

// words splits a search at white space.
func words(search string) []string {
	return strings.Fields(search)
}
