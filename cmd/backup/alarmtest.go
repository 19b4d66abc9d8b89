package main

import (
	"context"
	"fmt"
	"os"

	"drydock/internal/backup"
)

// alarmTest sends a test message from this container: by its networks, with its secrets.
func alarmTest(ctx context.Context, c backup.Config) error {
	to, err := c.TestAlarm(ctx)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(os.Stdout, to)
	return err
}
