package httpapi

import (
	"net/http"
	"strconv"

	"drydock/backend/internal/board"
)

type page struct {
	Notes      []board.Note `json:"notes"`
	NextCursor *string      `json:"next_cursor"`
}

func (a *API) listNotes(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	search := query.Get("q")
	limit, err := parseLimit(query.Get("limit"))
	if err != nil {
		a.fail(w, r, err)
		return
	}
	before, err := board.DecodeCursor(query.Get("cursor"), search)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	found, err := a.Notes.List(r.Context(), search, limit, before)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	body := page{Notes: found.Notes}
	if body.Notes == nil {
		body.Notes = []board.Note{} // [] and not null
	}
	if found.Next != 0 {
		cursor := board.EncodeCursor(found.Next, search)
		body.NextCursor = &cursor
	}
	a.answer(w, r, http.StatusOK, body)
}

func (a *API) createNote(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Title string `json:"title"`
		Body  string `json:"body"`
	}
	if err := a.decode(w, r, &in); err != nil {
		a.fail(w, r, err)
		return
	}
	n, err := a.Notes.Create(r.Context(), board.Draft{Title: in.Title, Body: in.Body})
	if err != nil {
		a.fail(w, r, err)
		return
	}
	w.Header().Set("Location", "/api/notes/"+strconv.FormatInt(n.ID, 10))
	a.answerNote(w, r, http.StatusCreated, n)
}

func (a *API) getNote(w http.ResponseWriter, r *http.Request) {
	id, err := parseID(r)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	n, err := a.Notes.Get(r.Context(), id)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	if matchesAny(r.Header.Values("If-None-Match"), n.Version) {
		w.Header().Set("ETag", etag(n.Version))
		w.WriteHeader(http.StatusNotModified)
		return
	}
	a.answerNote(w, r, http.StatusOK, n)
}

func (a *API) putNote(w http.ResponseWriter, r *http.Request) {
	var in change
	if err := a.decode(w, r, &in); err != nil {
		a.fail(w, r, err)
		return
	}
	missing := map[string]string{}
	if in.Title == nil {
		missing["title"] = "is missing; PUT replaces the whole note, PATCH changes parts"
	}
	if in.Body == nil {
		missing["body"] = "is missing; PUT replaces the whole note, PATCH changes parts"
	}
	if len(missing) > 0 {
		a.fail(w, r, &board.InvalidError{Fields: missing})
		return
	}
	a.update(w, r, in)
}

func (a *API) patchNote(w http.ResponseWriter, r *http.Request) {
	var in change
	if err := a.decode(w, r, &in); err != nil {
		a.fail(w, r, err)
		return
	}
	if in.Title == nil && in.Body == nil {
		a.fail(w, r, badRequest("nothing to change: give title, body or both"))
		return
	}
	a.update(w, r, in)
}

type change struct {
	Title   *string `json:"title"`
	Body    *string `json:"body"`
	Version *int64  `json:"version"`
}

func (a *API) update(w http.ResponseWriter, r *http.Request, in change) {
	id, err := parseID(r)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	version, given, err := expectedVersion(r, in.Version)
	if err == nil && !given {
		err = &apiError{
			status:  http.StatusPreconditionRequired,
			Code:    "precondition_required",
			Message: `say which version you have read: If-Match: "<version>", or version in the body`,
		}
	}
	if err != nil {
		a.fail(w, r, err)
		return
	}
	n, err := a.Notes.Update(r.Context(), id, version, board.Patch{Title: in.Title, Body: in.Body})
	if err != nil {
		a.fail(w, r, err)
		return
	}
	a.answerNote(w, r, http.StatusOK, n)
}

func (a *API) deleteNote(w http.ResponseWriter, r *http.Request) {
	id, err := parseID(r)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	version, _, err := expectedVersion(r, nil)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	if err := a.Notes.Delete(r.Context(), id, version); err != nil {
		a.fail(w, r, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (a *API) answerNote(w http.ResponseWriter, r *http.Request, status int, n board.Note) {
	w.Header().Set("ETag", etag(n.Version))
	a.answer(w, r, status, n)
}

func parseLimit(s string) (int, error) {
	if s == "" {
		return board.DefaultLimit, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > board.MaxLimit {
		return 0, badRequest("limit is a number from 1 to " + strconv.Itoa(board.MaxLimit))
	}
	return n, nil
}

// parseID answers "not found" for what cannot be an id: no such note exists either.
func parseID(r *http.Request) (int64, error) {
	s := r.PathValue("id")
	id, err := strconv.ParseInt(s, 10, 64)
	if err != nil || id < 1 || strconv.FormatInt(id, 10) != s {
		return 0, board.ErrNotFound
	}
	return id, nil
}
