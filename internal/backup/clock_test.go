package backup

import (
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"drydock/internal/backup/store"
)

// A service that cannot be watched ends with the reason, and holds nothing: it is started again.
func TestAServiceWithoutMetricsEnds(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	root := t.TempDir()
	repository, err := store.Open(root, store.Options{})
	require.NoError(t, err)
	s := &Service{
		Store: repository, Log: slog.New(slog.DiscardHandler), Now: time.Now,
		Config: Config{Root: root, Metrics: taken.Addr().String(), AlarmAfter: time.Minute, Zone: time.UTC},
	}
	for range 2 {
		ended := make(chan error, 1)
		go func() { ended <- s.Run(t.Context()) }()
		select {
		case err := <-ended:
			require.ErrorContains(t, err, "serving metrics")
		case <-time.After(10 * time.Second):
			t.Fatal("it goes on without metrics")
		}
	}
}
