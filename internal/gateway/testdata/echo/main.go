// Command echo is the application behind the gateway in its tests: it answers
// with what it was asked, byte for byte, and with who it is.
//
//	ID       identity in the answer
//	FAULT    reset: read the request, then drop the connection without an answer;
//	         the paths of health checks are answered all the same
//
// Query parameters shape the answer: status, type, size (bytes), header
// (Name:value), large (bytes of one header), wait (a duration), raw (what is written to
// the connection instead of an answer). The body of an answer of a given size is
// letters that repeat each 64 kB.
//
// Paths that end in /stream send one line each 100 ms (or each "every"), without end;
// /seen lists the bodies of every POST and PATCH and the targets of every PUT; a request with
// "Upgrade: websocket" gets its bytes back, raw.
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
	ID, Method, Target, Remote, Host string
	Header                           http.Header
	BodyBytes                        int64
}

var (
	mu   sync.Mutex
	seen []string
)

func main() {
	s := &http.Server{Addr: ":8080", Handler: http.HandlerFunc(serve), ReadHeaderTimeout: time.Minute, MaxHeaderBytes: 1 << 20}
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
	case q.Has("raw"):
		if conn, _, err := w.(http.Hijacker).Hijack(); err == nil {
			io.WriteString(conn, q.Get("raw"))
			conn.Close()
		}
		return
	}
	note(r)
	start, _ := io.ReadAll(io.LimitReader(r.Body, 1000))
	rest, _ := io.Copy(io.Discard, r.Body)
	if (r.Method == http.MethodPost || r.Method == http.MethodPatch) && len(start) < 1000 {
		mu.Lock()
		seen = append(seen, string(start))
		mu.Unlock()
	}
	healthCheck := r.URL.Path == "/readyz" || r.URL.Path == "/healthz"
	if os.Getenv("FAULT") == "reset" && !healthCheck {
		panic(http.ErrAbortHandler)
	}
	if d, err := time.ParseDuration(q.Get("wait")); err == nil {
		time.Sleep(d)
	}
	shape(w, r)
	if n, err := strconv.ParseInt(q.Get("size"), 10, 64); err == nil {
		letters := strings.Repeat("abcdefghijklmnop", 4096)
		for ; n > int64(len(letters)); n -= int64(len(letters)) {
			if _, err := io.WriteString(w, letters); err != nil {
				return
			}
		}
		io.WriteString(w, letters[:n])
		return
	}
	json.NewEncoder(w).Encode(answer{
		ID: os.Getenv("ID"), Method: r.Method, Target: r.RequestURI, Remote: r.RemoteAddr, Host: r.Host,
		Header: r.Header, BodyBytes: int64(len(start)) + rest,
	})
}

// note keeps that a PUT came.
func note(r *http.Request) {
	if r.Method == http.MethodPut {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, r.RequestURI)
	}
}

// shape writes the head of the answer that was asked for.
func shape(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	w.Header().Set("Content-Type", "application/json")
	if t := q.Get("type"); t != "" {
		w.Header().Set("Content-Type", t)
	}
	for _, h := range q["header"] {
		if name, value, ok := strings.Cut(h, ":"); ok {
			w.Header().Add(name, value)
		}
	}
	if n, err := strconv.Atoi(q.Get("large")); err == nil {
		w.Header().Set("X-Large", strings.Repeat("x", n))
	}
	if s, err := strconv.Atoi(q.Get("status")); err == nil {
		w.WriteHeader(s)
	}
}

func stream(w http.ResponseWriter, r *http.Request) {
	every, err := time.ParseDuration(r.FormValue("every"))
	if err != nil {
		every = 100 * time.Millisecond
	}
	w.Header().Set("Content-Type", "text/event-stream")
	for i := 0; ; i++ {
		fmt.Fprintf(w, "data: %d\n\n", i)
		w.(http.Flusher).Flush()
		select {
		case <-r.Context().Done():
			return
		case <-time.After(every):
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
