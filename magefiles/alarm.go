//go:build mage

package main

import (
	"context"

	"github.com/magefile/mage/mg"

	"drydock/internal/target"
	"drydock/internal/watch"
)

// Alarm tells people what is wrong, by BACKUP_WEBHOOK.
type Alarm mg.Namespace

// Check looks once at services and certificate, and tells what is new: for a timer, every minute. FORMAT=json for machines.
func (Alarm) Check(ctx context.Context) error {
	return target.Watch(ctx, func(ctx context.Context, w *watch.Watch) error { return w.Check(ctx) })
}

// Test sends a test message to each webhook, from here and from the backup service, and says where it went.
func (Alarm) Test(ctx context.Context) error {
	return target.Watch(ctx, func(ctx context.Context, w *watch.Watch) error { return w.Test(ctx) })
}

// Failed tells that ALARM_RUN=name failed, for a timer whose run could not say so itself.
func (Alarm) Failed(ctx context.Context) error { return target.Failed(ctx) }
