package supervisor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"
)

// serve answers a port or socket until the context ends.
func (s *Supervisor) serve(ctx context.Context, network, addr string, h http.Handler) {
	l, err := net.Listen(network, addr)
	if err != nil {
		s.failed <- fmt.Errorf("opening the gateway's own port: %w", err)
		return
	}
	if network == "unix" {
		if err := os.Chmod(addr, 0o600); err != nil {
			s.failed <- err
		}
	}
	srv := &http.Server{
		Handler: h, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: 30 * time.Second, MaxHeaderBytes: 16 << 10,
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	if network != "unix" { // a load or a reload takes as long as it takes
		srv.ReadTimeout, srv.WriteTimeout = 10*time.Second, 20*time.Second
	}
	stop := context.AfterFunc(ctx, func() { _ = srv.Close() })
	defer stop()
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		s.failed <- fmt.Errorf("answering on %s: %w", addr, err)
	}
}
