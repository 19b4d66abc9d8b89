package bench

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// What a site fails to answer is counted, and nothing else.
func TestVisitorsCountWhatFails(t *testing.T) {
	seen := make(chan string, 1000)
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case seen <- r.Method + " " + r.URL.Path:
		default:
		}
		if r.URL.Path == "/api/version" {
			w.WriteHeader(http.StatusBadGateway)
		}
	}))
	defer site.Close()
	stop := startVisitors(t.Context(), site.URL)
	kinds := map[string]bool{}
	for len(kinds) < 3 {
		select {
		case k := <-seen:
			kinds[k] = true
		case <-time.After(10 * time.Second):
			t.Fatalf("asked only %v", kinds)
		}
	}
	got := stop()
	assert.Positive(t, got.failed)
	assert.Less(t, got.failed, got.sent, "two kinds of three are answered")
}

// A connection that is cut off is a failure, whatever was asked.
func TestVisitorsCountWhatIsCutOff(t *testing.T) {
	asked := make(chan struct{}, 1000)
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked <- struct{}{}
		panic(http.ErrAbortHandler)
	}))
	defer site.Close()
	stop := startVisitors(t.Context(), site.URL)
	<-asked
	got := stop()
	assert.Positive(t, got.sent)
	assert.Equal(t, got.sent, got.failed)
}
