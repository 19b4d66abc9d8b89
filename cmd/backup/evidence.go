package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"drydock/internal/backup"
	"drydock/internal/backup/logical"
	"drydock/internal/run"
)

// evidence are the verbs that a drill and `backup:config` use. What they find goes to
// standard output as JSON; a bad finding is no error, one that could not be looked for is.
func evidence(ctx context.Context, s *backup.Service, verb string, o backup.RestoreOptions) (err error) {
	var found any
	switch verb {
	case "examine":
		if o.Database == "" {
			found, err = s.ExamineFiles(ctx, o.ID)
		} else {
			found, err = s.ExamineDatabase(ctx, o.ID, o.Database)
		}
	case "control":
		found, err = s.Control(ctx, o.ID, o.Database)
	case "heartbeat":
		found, err = logical.NewestHeartbeat(ctx, s.Config.Server)
	case "drilled":
		return s.Drilled(ctx, os.Stdin)
	case "drills":
		return s.Drills(os.Stdout)
	case "config-put":
		b, err := s.PutConfig(ctx, os.Stdin)
		if err != nil {
			return err
		}
		_, err = fmt.Println(b.ID)
		return err
	case "config-get":
		return s.GetConfig(o.ID, os.Stdout)
	}
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(found)
}

// askTimeout bounds one question; answerMax is how much of an answer is shown, in bytes.
const (
	askTimeout = 30 * time.Second
	answerMax  = 2000
)

// ask asks a service of the same network: GET, or POST with a body. The image has no curl.
func ask(ctx context.Context, words []string) error {
	if len(words) == 0 {
		return run.WithCode(run.CodeBadInput, errors.New("ask needs an address"))
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	method, body := http.MethodGet, strings.Join(words[1:], " ")
	if body != "" {
		method = http.MethodPost
	}
	req, err := http.NewRequestWithContext(ctx, method, words[0], strings.NewReader(body))
	if err != nil {
		return run.WithCode(run.CodeBadInput, err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }() // it was read as far as it matters
	text, err := io.ReadAll(io.LimitReader(resp.Body, answerMax))
	if err != nil {
		return err
	}
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("%s %s answered %s: %s", method, words[0], resp.Status, strings.TrimSpace(string(text)))
	}
	// What it holds is the product's data, which evidence has no need of.
	_, err = fmt.Printf("%s, %d bytes\n", resp.Status, len(text))
	return err
}
