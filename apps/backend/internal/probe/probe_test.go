package probe

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestAsk(t *testing.T) {
	status := http.StatusOK
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(status)
		if _, err := io.WriteString(w, "it says so\n"); err != nil {
			t.Error(err)
		}
	}))
	answer, err := Ask(t.Context(), srv.URL)
	if answer != "it says so" || err != nil {
		t.Errorf("got %q, %v", answer, err)
	}
	for _, status = range []int{http.StatusServiceUnavailable, http.StatusNotFound, http.StatusFound} {
		if _, err := Ask(t.Context(), srv.URL); err == nil || !strings.Contains(err.Error(), "it says so") {
			t.Errorf("%d: got %v", status, err)
		}
	}
	srv.Close()
	if _, err := Ask(t.Context(), srv.URL); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("got %v", err)
	}
}

func TestAskGivesUp(t *testing.T) {
	release := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer srv.Close()
	defer close(release)
	if _, err := Ask(t.Context(), srv.URL); err == nil || !strings.Contains(err.Error(), "no answer within") {
		t.Errorf("got %v", err)
	}
}

func TestAddress(t *testing.T) {
	for _, test := range []struct{ port, path, want string }{
		{"", "", "http://127.0.0.1:8080/readyz"},
		{"90", "/api/version?x=1", "http://127.0.0.1:90/api/version?x=1"},
		{"0", "", ""},
		{"x", "", ""},
		{"", "readyz", ""},
		{"", "//evil/x", ""},
		{"", "http://evil/", ""},
		{"", "/a b", ""},
	} {
		got, err := Address(func(name string) (string, bool) {
			return map[string]string{"PORT": test.port, "HEALTH_PATH": test.path}[name], true
		})
		if got != test.want || (err == nil) != (test.want != "") {
			t.Errorf("%q %q: got %q, %v", test.port, test.path, got, err)
		}
	}
}
