package remote

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
)

// Heartbeat is the newest one in the live database; nil if none was ever written.
func (r *Remote) Heartbeat(ctx context.Context) (at *time.Time, err error) {
	var out bytes.Buffer
	if err := r.pipe(ctx, nil, &out, "heartbeat"); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(out.Bytes(), &at); err != nil {
		return nil, fmt.Errorf("reading the heartbeat: %w", err)
	}
	return at, nil
}

// Drilled keeps the evidence of a drill with the backups, and marks those that passed as proven.
func (r *Remote) Drilled(ctx context.Context, evidence []byte) error {
	return r.pipe(ctx, bytes.NewReader(evidence), io.Discard, "drilled")
}

// Drills is the evidence of past drills, a JSON list, oldest first.
func (r *Remote) Drills(ctx context.Context) ([]byte, error) {
	var out bytes.Buffer
	err := r.pipe(ctx, nil, &out, "drills")
	return out.Bytes(), err
}

// PutConfig keeps an archive of the configuration and returns the backup's id.
func (r *Remote) PutConfig(ctx context.Context, archive io.Reader) (string, error) {
	var out bytes.Buffer
	err := r.pipe(ctx, archive, &out, "config-put")
	return strings.TrimSpace(out.String()), err
}

// GetConfig writes the archive of a configuration backup; "" is the newest good one.
func (r *Remote) GetConfig(ctx context.Context, id string, w io.Writer) error {
	if id == "" {
		return r.pipe(ctx, nil, w, "config-get")
	}
	return r.pipe(ctx, nil, w, "config-get", "--id="+id)
}

// Watched tells the service that this machine has just looked at the services.
func (r *Remote) Watched(ctx context.Context, host string) error {
	return r.pipe(ctx, nil, io.Discard, "watched", host)
}

// TestAlarm has the service send a test message, and returns where it went.
func (r *Remote) TestAlarm(ctx context.Context) (string, error) {
	var out bytes.Buffer
	err := r.pipe(ctx, nil, &out, "alarm-test")
	return strings.TrimSpace(out.String()), err
}
