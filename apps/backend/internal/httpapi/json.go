package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"unicode/utf8"
)

// answer writes JSON. Answers are about the present, so nobody may keep them.
func (a *API) answer(w http.ResponseWriter, r *http.Request, status int, body any) {
	data, err := json.Marshal(body)
	if err != nil { // a fault of the program: every type we answer with can be marshalled
		panic(fmt.Errorf("encoding the answer: %w", err))
	}
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	if _, err := w.Write(append(data, '\n')); err != nil {
		a.Log.DebugContext(r.Context(), "answer not delivered", "error", err)
	}
}

// decode reads a body that is exactly one JSON object with known fields and nothing after it.
func (a *API) decode(w http.ResponseWriter, r *http.Request, into any) error {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" {
		return &apiError{
			status:  http.StatusUnsupportedMediaType,
			Code:    "unsupported_media_type",
			Message: "send the body with Content-Type: application/json",
		}
	}
	if a.BodyLimit > 0 {
		r.Body = http.MaxBytesReader(w, r.Body, a.BodyLimit)
	}
	data, err := io.ReadAll(r.Body)
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return &apiError{
			status:  http.StatusRequestEntityTooLarge,
			Code:    "too_large",
			Message: fmt.Sprintf("a request body has at most %d bytes", a.BodyLimit),
		}
	case err != nil:
		return badRequest("the request body did not arrive completely")
	case !utf8.Valid(data): // the decoder would replace broken bytes in silence
		return badRequest("the request body is not UTF-8")
	case !bytes.HasPrefix(bytes.TrimLeft(data, " \t\r\n"), []byte("{")):
		return badRequest("the request body is not a JSON object")
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return badRequest("the request body is not what is expected: " + strings.TrimPrefix(err.Error(), "json: "))
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return badRequest("the request body has something after its JSON object")
	}
	return nil
}
