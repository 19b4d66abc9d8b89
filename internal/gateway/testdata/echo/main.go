// Command echo is the application behind the gateway in its tests: it answers
// with what it was asked, byte for byte, and with who it is.
//
//	ID       identity in the answer
//	FAULT    reset: read the request, then drop the connection without an answer
//
// Query parameters shape the answer: status, type, size (bytes), header
// (Name:value), wait (a duration). Paths that end in /stream send one line
// each 100 ms, without end; /seen lists the bodies of every POST; a request
// with "Upgrade: websocket" gets its bytes back, raw.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

type answer struct {
	ID, Method, Target, Remote string
	Header                     http.Header
	BodyBytes                  int64
}

var (
	mu   sync.Mutex
	seen []string
)

func main() {
	s := &http.Server{Addr: ":8080", Handler: http.HandlerFunc(serve), ReadHeaderTimeout: time.Minute}
	if err := s.ListenAndServe(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serve(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	switch {
	case r.Header.Get("Upgrade") == "websocket":
		upgrade(w)
		return
	case strings.HasSuffix(r.URL.Path, "/stream"):
		stream(w, r)
		return
	case strings.HasSuffix(r.URL.Path, "/seen"):
		mu.Lock()
		defer mu.Unlock()
		json.NewEncoder(w).Encode(seen)
		return
	}
	body, _ := io.ReadAll(r.Body)
	if r.Method == http.MethodPost && len(body) < 1000 {
		mu.Lock()
		seen = append(seen, string(body))
		mu.Unlock()
	}
	if os.Getenv("FAULT") == "reset" {
		panic(http.ErrAbortHandler)
	}
	if d, err := time.ParseDuration(q.Get("wait")); err == nil {
		time.Sleep(d)
	}
	for _, h := range q["header"] {
		if name, value, ok := strings.Cut(h, ":"); ok {
			w.Header().Set(name, value)
		}
	}
	w.Header().Set("Content-Type", "application/json")
	if t := q.Get("type"); t != "" {
		w.Header().Set("Content-Type", t)
	}
	if s, err := strconv.Atoi(q.Get("status")); err == nil {
		w.WriteHeader(s)
	}
	if n, err := strconv.Atoi(q.Get("size")); err == nil {
		io.WriteString(w, strings.Repeat("x", n))
		return
	}
	json.NewEncoder(w).Encode(answer{
		ID: os.Getenv("ID"), Method: r.Method, Target: r.RequestURI, Remote: r.RemoteAddr,
		Header: r.Header, BodyBytes: int64(len(body)),
	})
}

func stream(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	for i := 0; ; i++ {
		fmt.Fprintf(w, "data: %d\n\n", i)
		w.(http.Flusher).Flush()
		select {
		case <-r.Context().Done():
			return
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func upgrade(w http.ResponseWriter) {
	conn, rw, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
	io.Copy(conn, rw)
}
