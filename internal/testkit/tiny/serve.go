//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"drydock/internal/testkit/tinyapi"
)

// maxBody bounds what an echo repeats.
const maxBody = 1 << 20

// serve answers every path with an echo of the request, except:
//
//	/healthz            200 or 503
//	/health/up, /down   sets that
//	/status/NNN         that status
//	/sleep/DURATION     waits, then echoes
//	/bytes/N            N zero bytes
//	/die                ends the process with code 3
func serve(args []string) error {
	f := flag.NewFlagSet("serve", flag.ExitOnError)
	addr := f.String("addr", ":8080", "where to listen")
	name := f.String("name", "", "repeated in each answer")
	startDelay := f.Duration("start-delay", 0, "before listening")
	stopDelay := f.Duration("stop-delay", 0, "between TERM and the end of listening")
	unhealthy := f.Bool("unhealthy", false, "/healthz answers 503")
	dieAfter := f.Duration("die-after", 0, "ends with code 3 after this time")
	if err := f.Parse(args); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	select {
	case <-time.After(*startDelay):
	case <-ctx.Done():
		return nil
	}
	if *dieAfter > 0 {
		time.AfterFunc(*dieAfter, func() { fatal(3, "dying as asked") })
	}
	s := &server{name: *name}
	s.healthy.Store(!*unhealthy)
	srv := &http.Server{Addr: *addr, Handler: s, ReadHeaderTimeout: 10 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- srv.ListenAndServe() }()
	fmt.Println("listening on", *addr)
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	time.Sleep(*stopDelay)
	end, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := srv.Shutdown(end); err != nil {
		return err
	}
	if err := <-failed; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	fmt.Println("ended")
	return nil
}

type server struct {
	name    string
	healthy atomic.Bool
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	first, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	switch first {
	case "healthz":
		if !s.healthy.Load() {
			http.Error(w, "told to be unhealthy", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
		return
	case "health":
		s.healthy.Store(rest == "up")
	case "status":
		code, err := strconv.Atoi(rest)
		if err != nil || code < 200 || code > 599 {
			http.Error(w, "no such status", http.StatusBadRequest)
			return
		}
		w.WriteHeader(code)
		return
	case "sleep":
		d, err := time.ParseDuration(rest)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		select {
		case <-time.After(d):
		case <-r.Context().Done():
			return
		}
	case "bytes":
		n, err := strconv.ParseInt(rest, 10, 64)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		_, _ = io.CopyN(w, zeros{}, n) // the client may go away
		return
	case "die":
		fatal(3, "dying as asked")
	}
	s.echo(w, r)
}

func (s *server) echo(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	host, err := os.Hostname()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(tinyapi.Echo{ // the client may go away
		Hostname: host, Name: s.name, Pid: os.Getpid(), Method: r.Method, Path: r.RequestURI, Host: r.Host,
		Remote: r.RemoteAddr, Proto: r.Proto, Header: r.Header, Body: string(body), Length: r.ContentLength,
	})
}

// healthcheck ends with 0 when the server says that it is well.
func healthcheck(args []string) error {
	c := &http.Client{Timeout: 3 * time.Second}
	r, err := c.Get(arg(args, 0, "http://127.0.0.1:8080/healthz"))
	if err != nil {
		return err
	}
	defer r.Body.Close()
	text, err := io.ReadAll(io.LimitReader(r.Body, 512))
	if err != nil {
		return err
	}
	fmt.Print(string(text))
	if r.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d", r.StatusCode)
	}
	return nil
}
