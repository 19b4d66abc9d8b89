package main

import (
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/redis/go-redis/v9"

	"drydock/backend/internal/live"
	"drydock/backend/internal/obs"
)

// watch adds what the parts know about themselves to /metrics.
func watch(m *obs.Metrics, pool *pgxpool.Pool, rdb *redis.Client, hub *live.Hub, ready func() bool) {
	m.Gauge("backend_ready", "1 if /readyz would answer 200 by the latest check.", func() float64 {
		if ready() {
			return 1
		}
		return 0
	})

	m.Gauge("db_pool_max_connections", "Limit of the pool.", func() float64 { return float64(pool.Stat().MaxConns()) })
	m.Gauge("db_pool_connections", "Open connections.", func() float64 { return float64(pool.Stat().TotalConns()) })
	m.Gauge("db_pool_busy_connections", "Connections in use.", func() float64 { return float64(pool.Stat().AcquiredConns()) })
	m.Counter("db_pool_waits_total", "Times a request had to wait for a connection.", func() float64 { return float64(pool.Stat().EmptyAcquireCount()) })
	m.Counter("db_pool_wait_seconds_total", "Time spent waiting for a connection.", func() float64 { return pool.Stat().EmptyAcquireWaitTime().Seconds() })

	m.Gauge("redis_pool_connections", "Open connections.", func() float64 { return float64(rdb.PoolStats().TotalConns) })
	m.Gauge("redis_pool_idle_connections", "Idle connections.", func() float64 { return float64(rdb.PoolStats().IdleConns) })
	m.Counter("redis_pool_timeouts_total", "Times no connection was free in time.", func() float64 { return float64(rdb.PoolStats().Timeouts) })

	m.Gauge("sse_clients", "Open event streams.", func() float64 { return float64(hub.Counts().Streams) })
	m.Counter("sse_events_total", "Changes received from Redis.", func() float64 { return float64(hub.Counts().Events) })
	m.Counter("sse_resyncs_total", "Times all pages were told to load again.", func() float64 { return float64(hub.Counts().Resyncs) })
	m.Counter("sse_dropped_clients_total", "Pages disconnected because they read too slowly.", func() float64 { return float64(hub.Counts().Dropped) })
}
