// Command testapp is a backend with faults, for the tests of deploys. FAULT says which:
//
//	(none)   answers everything with 200
//	exit     ends at once
//	never    is never ready
//	crash    is ready, and ends after FAULT_AFTER (default 1s)
//	wrong    answers another version
//	errors   answers 500, except to health checks and for its version
//	slow     answers after 800 ms, with the same exceptions
//	leak     takes memory until its limit ends it, from its first request on
package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "probe" {
		resp, err := http.Get("http://127.0.0.1:" + os.Getenv("PORT") + os.Getenv("HEALTH_PATH"))
		if err != nil || resp.StatusCode != http.StatusOK {
			fmt.Println("not ready", err)
			os.Exit(1)
		}
		return
	}
	if len(os.Args) > 1 && os.Args[1] == "migrate" {
		fmt.Println("nothing to migrate")
		return
	}
	fault := os.Getenv("FAULT")
	fmt.Fprintln(os.Stderr, "testapp: fault", fault)
	switch fault {
	case "exit":
		fmt.Fprintln(os.Stderr, "testapp: cannot find its configuration")
		os.Exit(3)
	case "crash":
		after, err := time.ParseDuration(os.Getenv("FAULT_AFTER"))
		if err != nil {
			after = time.Second
		}
		time.AfterFunc(after, func() {
			fmt.Fprintln(os.Stderr, "testapp: nil pointer somewhere")
			os.Exit(4)
		})
	}
	version := os.Getenv("APP_VERSION")
	if fault == "wrong" {
		version = "v0.0.0-of-yesterday"
	}
	var leak sync.Once
	err := http.ListenAndServe(":"+os.Getenv("PORT"), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == os.Getenv("HEALTH_PATH"):
			if fault == "never" {
				http.Error(w, "the cache is cold", http.StatusServiceUnavailable)
			}
		case strings.HasSuffix(r.URL.Path, "/version"):
			_ = json.NewEncoder(w).Encode(map[string]string{"version": version})
		case fault == "errors":
			http.Error(w, "broken", http.StatusInternalServerError)
		case fault == "slow":
			time.Sleep(800 * time.Millisecond)
		case fault == "leak":
			leak.Do(func() { go eat() })
		default:
			fmt.Fprintln(w, "ok")
		}
	}))
	fmt.Fprintln(os.Stderr, "testapp:", err)
	os.Exit(1)
}

func eat() {
	for all := [][]byte{}; ; time.Sleep(20 * time.Millisecond) {
		b := make([]byte, 4<<20)
		for i := range b {
			b[i] = byte(len(all))
		}
		all = append(all, b)
	}
}
