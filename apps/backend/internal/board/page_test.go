package board

import (
	"errors"
	"math"
	"testing"
)

func TestCursorRoundTrip(t *testing.T) {
	for _, id := range []int64{1, 2, 1 << 40, math.MaxInt64} {
		for _, search := range []string{"", "milk", "a  b", "界"} {
			got, err := DecodeCursor(EncodeCursor(id, search), search)
			if err != nil || got != id {
				t.Errorf("%d %q: got %d, %v", id, search, got, err)
			}
		}
	}
}

func TestCursorBelongsToItsSearch(t *testing.T) {
	if _, err := DecodeCursor(EncodeCursor(7, "milk"), "bread"); !errors.Is(err, ErrCursor) {
		t.Errorf("got %v, want ErrCursor", err)
	}
	if _, err := DecodeCursor(EncodeCursor(7, "a b"), "  a   b "); err != nil {
		t.Errorf("white space made another search of it: %v", err)
	}
}

func TestDecodeCursorRefuses(t *testing.T) {
	for _, s := range []string{"x", "AAAA", "!!!!", EncodeCursor(0, ""), EncodeCursor(-1, ""), EncodeCursor(1, "") + "A", "2" + EncodeCursor(1, "")[1:]} {
		if _, err := DecodeCursor(s, ""); !errors.Is(err, ErrCursor) {
			t.Errorf("%q: got %v, want ErrCursor", s, err)
		}
	}
	if got, err := DecodeCursor("", "x"); got != 0 || err != nil {
		t.Errorf("the empty cursor: got %d, %v", got, err)
	}
}

// FuzzDecodeCursor: anything is refused or is exactly what EncodeCursor makes, so no two spellings mean the same page.
func FuzzDecodeCursor(f *testing.F) {
	f.Add(EncodeCursor(1, ""), "")
	f.Add(EncodeCursor(99, "milk"), "milk")
	f.Add("AQAAAAAAAAABgRydxQ==", "")
	f.Fuzz(func(t *testing.T, cursor, search string) {
		id, err := DecodeCursor(cursor, search)
		switch {
		case cursor == "":
			if id != 0 || err != nil {
				t.Fatalf("got %d, %v", id, err)
			}
		case err != nil:
			if !errors.Is(err, ErrCursor) {
				t.Fatalf("got %v", err)
			}
		case id < 1 || EncodeCursor(id, search) != cursor:
			t.Fatalf("%q was read as %d, which is %q", cursor, id, EncodeCursor(id, search))
		}
	})
}
