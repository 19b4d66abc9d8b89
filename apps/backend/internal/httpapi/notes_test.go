package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"drydock/backend/internal/board"
)

func TestListNotes(t *testing.T) {
	f := newFixture()
	f.notes.list = func(search string, limit int, before int64) (board.Page, error) {
		if search != "milk" || limit != 2 || before != 0 {
			t.Errorf("got %q %d %d", search, limit, before)
		}
		return board.Page{Notes: []board.Note{{ID: 9}, {ID: 8}}, Next: 8}, nil
	}
	w := f.do("GET", "/api/notes?q=milk&limit=2", "")
	wantStatus(t, w, http.StatusOK)
	var got page
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || len(got.Notes) != 2 || got.NextCursor == nil {
		t.Fatalf("got %s, %v", w.Body, err)
	}

	f.notes.list = func(_ string, limit int, before int64) (board.Page, error) {
		if limit != board.DefaultLimit || before != 8 {
			t.Errorf("got %d %d", limit, before)
		}
		return board.Page{}, nil
	}
	w = f.do("GET", "/api/notes?q=milk&cursor="+*got.NextCursor, "")
	if body := strings.TrimSpace(w.Body.String()); body != `{"notes":[],"next_cursor":null}` {
		t.Errorf("got %s", body)
	}
	wantError(t, f.do("GET", "/api/notes?q=bread&cursor="+*got.NextCursor, ""), 400, "invalid_cursor")
	for _, limit := range []string{"0", "101", "-1", "x", "1.5"} {
		wantError(t, f.do("GET", "/api/notes?limit="+limit, ""), 400, "bad_request")
	}
}

func TestCreateNote(t *testing.T) {
	f := newFixture()
	f.notes.create = func(d board.Draft) (board.Note, error) {
		return board.Note{ID: 7, Title: d.Title, Body: d.Body, Version: 1}, nil
	}
	w := f.do("POST", "/api/notes", `{"title":"a","body":"<b>"}`)
	wantStatus(t, w, http.StatusCreated)
	if w.Header().Get("Location") != "/api/notes/7" || w.Header().Get("ETag") != `"1"` {
		t.Errorf("got %v", w.Header())
	}
	var n board.Note
	if err := json.Unmarshal(w.Body.Bytes(), &n); err != nil || n.Body != "<b>" {
		t.Errorf("got %s, %v", w.Body, err)
	}
}

func TestStrictBodies(t *testing.T) {
	f := newFixture() // create is nil: none of these may reach the board
	for name, test := range map[string]struct {
		body   string
		status int
		code   string
	}{
		"not JSON":      {`title=a`, 400, "bad_request"},
		"cut off":       {`{"title":"a"`, 400, "bad_request"},
		"unknown field": {`{"title":"a","colour":"red"}`, 400, "bad_request"},
		"wrong type":    {`{"title":1}`, 400, "bad_request"},
		"two objects":   {`{"title":"a"}{"title":"b"}`, 400, "bad_request"},
		"garbage after": {`{"title":"a"}]`, 400, "bad_request"},
		"array":         {`[{"title":"a"}]`, 400, "bad_request"},
		"null":          {`null`, 400, "bad_request"},
		"not UTF-8":     {"{\"title\":\"\xff\"}", 400, "bad_request"},
		"too large":     {`{"title":"` + strings.Repeat("x", testBodyLimit) + `"}`, 413, "too_large"},
	} {
		t.Run(name, func(t *testing.T) {
			wantError(t, f.do("POST", "/api/notes", test.body), test.status, test.code)
		})
	}
	wantError(t, f.do("POST", "/api/notes", ""), 415, "unsupported_media_type")
	wantError(t, f.do("POST", "/api/notes", `{"title":"a"}`, "Content-Type", "text/plain"), 415, "unsupported_media_type")
}

func TestExpectedVersion(t *testing.T) {
	f := newFixture()
	current := board.Note{ID: 7, Title: "theirs", Version: 3}
	f.notes.update = func(_ context.Context, id, version int64, p board.Patch) (board.Note, error) {
		if version != current.Version && version != board.AnyVersion {
			return board.Note{}, &board.ConflictError{Current: current}
		}
		return board.Note{ID: id, Title: *p.Title, Version: current.Version + 1}, nil
	}
	for name, test := range map[string]struct {
		body, ifMatch string
		status        int
		code          string
	}{
		"header":                {`{"title":"a"}`, `"3"`, 200, ""},
		"header, compressed":    {`{"title":"a"}`, `W/"3"`, 200, ""},
		"body":                  {`{"title":"a","version":3}`, "", 200, ""},
		"both":                  {`{"title":"a","version":3}`, `"3"`, 200, ""},
		"any":                   {`{"title":"a"}`, `*`, 200, ""},
		"old header":            {`{"title":"a"}`, `"2"`, 412, "precondition_failed"},
		"old body":              {`{"title":"a","version":2}`, "", 409, "version_conflict"},
		"neither":               {`{"title":"a"}`, "", 428, "precondition_required"},
		"contradiction":         {`{"title":"a","version":2}`, `"3"`, 400, "bad_request"},
		"header without quotes": {`{"title":"a"}`, `3`, 400, "bad_request"},
		"several tags":          {`{"title":"a"}`, `"2", "3"`, 400, "bad_request"},
		"zero":                  {`{"title":"a","version":0}`, "", 400, "bad_request"},
		"negative":              {`{"title":"a"}`, `"-1"`, 400, "bad_request"},
		"nothing to change":     {`{"version":3}`, "", 400, "bad_request"},
	} {
		t.Run(name, func(t *testing.T) {
			w := f.do("PATCH", "/api/notes/7", test.body, "If-Match", test.ifMatch)
			if test.code == "" {
				wantStatus(t, w, test.status)
				if w.Header().Get("ETag") != `"4"` {
					t.Errorf("ETag %s", w.Header().Get("ETag"))
				}
				return
			}
			e := wantError(t, w, test.status, test.code)
			if (e.Current != nil) != (test.status == 409 || test.status == 412) {
				t.Errorf("current is %v", e.Current)
			}
			if e.Current != nil && e.Current.Title != "theirs" {
				t.Errorf("current is %+v", e.Current)
			}
		})
	}
}

func TestPutNeedsTheWholeNote(t *testing.T) {
	f := newFixture()
	e := wantError(t, f.do("PUT", "/api/notes/7", `{"title":"a"}`, "If-Match", `"1"`), 422, "invalid")
	if e.Fields["body"] == "" || len(e.Fields) != 1 {
		t.Errorf("got %v", e.Fields)
	}
	f.notes.update = func(_ context.Context, _, _ int64, p board.Patch) (board.Note, error) {
		return board.Note{Title: *p.Title, Body: *p.Body}, nil
	}
	wantStatus(t, f.do("PUT", "/api/notes/7", `{"title":"a","body":""}`, "If-Match", `"1"`), 200)
}

func TestGetNote(t *testing.T) {
	f := newFixture()
	f.notes.get = func(id int64) (board.Note, error) {
		if id != 7 {
			return board.Note{}, board.ErrNotFound
		}
		return board.Note{ID: 7, Version: 3}, nil
	}
	w := f.do("GET", "/api/notes/7", "")
	wantStatus(t, w, 200)
	if w.Header().Get("ETag") != `"3"` || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("got %v", w.Header())
	}
	for _, tag := range []string{`"3"`, `W/"3"`, `"1", "3"`, `*`} {
		w := f.do("GET", "/api/notes/7", "", "If-None-Match", tag)
		if w.Code != http.StatusNotModified || w.Body.Len() != 0 {
			t.Errorf("%s: got %d %s", tag, w.Code, w.Body)
		}
	}
	wantStatus(t, f.do("GET", "/api/notes/7", "", "If-None-Match", `"2"`), 200)
	wantError(t, f.do("GET", "/api/notes/8", ""), 404, "not_found")
	f.notes.get = nil
	for _, id := range []string{"0", "-7", "07", "+7", "x", "7.0", "9223372036854775808", "7%2F8", "%20"} {
		wantError(t, f.do("GET", "/api/notes/"+id, ""), 404, "not_found")
	}
}

func TestDeleteNote(t *testing.T) {
	f := newFixture()
	var asked int64 = -1
	f.notes.delete = func(_, version int64) error { asked = version; return nil }
	w := f.do("DELETE", "/api/notes/7", "")
	if w.Code != http.StatusNoContent || w.Body.Len() != 0 || asked != board.AnyVersion {
		t.Errorf("got %d %q, version %d", w.Code, w.Body, asked)
	}
	f.do("DELETE", "/api/notes/7", "", "If-Match", `"3"`)
	if asked != 3 {
		t.Errorf("got version %d", asked)
	}
	f.notes.delete = func(int64, int64) error { return board.ErrNotFound }
	wantError(t, f.do("DELETE", "/api/notes/7", ""), 404, "not_found")
}

func TestFailuresOfTheBoard(t *testing.T) {
	f := newFixture()
	var failure error
	f.notes.get = func(int64) (board.Note, error) { return board.Note{}, failure }

	failure = errors.Join(board.ErrUnavailable, errors.New("dial tcp 10.1.2.3: CANARY"))
	w := f.do("GET", "/api/notes/7", "")
	wantError(t, w, 503, "unavailable")
	if w.Header().Get("Retry-After") == "" || strings.Contains(w.Body.String(), "CANARY") {
		t.Errorf("got %v %s", w.Header(), w.Body)
	}
	failure = errors.New("CANARY")
	w = f.do("GET", "/api/notes/7", "")
	wantError(t, w, 500, "internal")
	if strings.Contains(w.Body.String(), "CANARY") {
		t.Errorf("an internal error got out: %s", w.Body)
	}
	var logged int
	for _, line := range f.log.lines(t) {
		if line["msg"] == "request failed" && strings.Contains(line["error"].(string), "CANARY") && line["request_id"] != "" {
			logged++
		}
	}
	if logged != 2 {
		t.Errorf("%d of 2 causes are in the log", logged)
	}
	failure = &board.InvalidError{Fields: map[string]string{"q": "x"}}
	wantError(t, f.do("GET", "/api/notes/7", ""), 422, "invalid")
}
