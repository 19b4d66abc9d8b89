package compose

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"drydock/internal/run"
)

// Compose's display has been read when its error comes.
func TestFailureWithoutProgress(t *testing.T) {
	f := &Failure{Doing: "starting", Project: "shop-blue", Err: withoutProgress(&run.Error{Name: "docker", Code: 1, Tail: []string{
		" Container shop-blue-backend-1  Recreate", " Container shop-blue-backend-1 Recreated ", "Container shop-blue-frontend-1  Waiting",
		" Network shop-blue_default  Creating", "[+] Running 2/2", " Container shop-blue-backend-1  Error",
		"dependency failed to start: container shop-blue-backend-1 is unhealthy", "Error response from daemon: no space left on device",
	}})}
	require.EqualError(t, f, "starting the compose project shop-blue: docker ended with exit code 1\n    dependency failed to start: container shop-blue-backend-1 is unhealthy\n    Error response from daemon: no space left on device")
	var e *run.Error
	require.ErrorAs(t, f, &e)
	other := errors.New("x")
	require.Equal(t, other, withoutProgress(other))
}
