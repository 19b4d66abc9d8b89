package httpapi

import (
	"context"
	"errors"
	"net/http"

	"drydock/backend/internal/board"
	"drydock/backend/internal/obs"
)

// apiError is what a client is told. Nothing of an internal error's text gets into it.
type apiError struct {
	status    int
	Code      string            `json:"code"`
	Message   string            `json:"message"`
	RequestID string            `json:"request_id"`
	Fields    map[string]string `json:"fields,omitempty"`
	Current   *board.Note       `json:"current,omitempty"`
}

func (e *apiError) Error() string { return e.Code + ": " + e.Message }

func badRequest(message string) *apiError {
	return &apiError{status: http.StatusBadRequest, Code: "bad_request", Message: message}
}

func notFound(message string) *apiError {
	return &apiError{status: http.StatusNotFound, Code: "not_found", Message: message}
}

func unavailable(message string) *apiError {
	return &apiError{status: http.StatusServiceUnavailable, Code: "unavailable", Message: message}
}

// statusClientGone is nginx's 499, for the log: nobody is there to read an answer.
const statusClientGone = 499

// explain turns any error into what the client is told.
func explain(r *http.Request, err error) *apiError {
	var (
		known    *apiError
		conflict *board.ConflictError
		invalid  *board.InvalidError
	)
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &conflict):
		e := &apiError{
			status:  http.StatusConflict,
			Code:    "version_conflict",
			Message: "someone else has changed this note; look at error.current and try again",
			Current: &conflict.Current,
		}
		if r.Header.Get("If-Match") != "" { // RFC 9110, section 13.1.1
			e.status, e.Code = http.StatusPreconditionFailed, "precondition_failed"
		}
		return e
	case errors.As(err, &invalid):
		return &apiError{
			status:  http.StatusUnprocessableEntity,
			Code:    "invalid",
			Message: "some fields are not valid; see error.fields",
			Fields:  invalid.Fields,
		}
	case errors.Is(err, board.ErrNotFound):
		return notFound("there is no such note, or it has been deleted")
	case errors.Is(err, board.ErrCursor):
		return &apiError{status: http.StatusBadRequest, Code: "invalid_cursor", Message: board.ErrCursor.Error()}
	case errors.Is(r.Context().Err(), context.Canceled):
		return &apiError{status: statusClientGone, Code: "client_closed_request", Message: "the client went away"}
	case errors.Is(err, board.ErrUnavailable), errors.Is(err, context.DeadlineExceeded):
		return unavailable("the database does not answer at the moment; try again soon")
	default:
		return &apiError{
			status:  http.StatusInternalServerError,
			Code:    "internal",
			Message: "something went wrong on our side; the request id finds it in the log",
		}
	}
}

// fail answers an error and leaves its cause for the log.
func (a *API) fail(w http.ResponseWriter, r *http.Request, err error) {
	e := *explain(r, err)
	e.RequestID = obs.RequestID(r.Context())
	if e.status >= 500 {
		a.Log.ErrorContext(r.Context(), "request failed", "code", e.Code, "error", err)
	}
	if e.status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "2")
	}
	a.answer(w, r, e.status, map[string]any{"error": e})
}
