package image

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSteps(t *testing.T) {
	var out strings.Builder
	s := newSteps(&out, "backend")
	long := strings.Repeat("é", 90)
	for _, part := range []string{
		"#0 building with \"default\" instance using docker driver\n\n#1 [internal] load .dockerignore\n#1 DONE 9.0s\n",
		"#2 [build 1/2] COPY . .\n#2 CACHED\n\n#3 [build 2/2] RUN go bu", "ild   ./... " + long + "\r\n",
		"#3 0.512 noise\n#3 DONE 12.3s\n#3 [build 2/2] RUN go build\n#4 [prod 1/1] RUN x\n#4 DONE 0.2s\n",
		"#4 ERROR: process did not complete\n------\n > [prod 1/1] RUN x:\n0.1 it broke\n------\nERROR: target redis: failed",
	} {
		_, err := s.Write([]byte(part))
		require.NoError(t, err)
	}
	require.NoError(t, s.Close())
	want := "  backend build 1/2: COPY . .\n" +
		"  backend build 2/2: RUN go build ./... " + strings.Repeat("é", 40) + "...\n" +
		"  backend build 2/2: done in 12 s\n" +
		"  backend prod 1/1: RUN x\n" +
		"  backend | ------\n  backend |  > [prod 1/1] RUN x:\n  backend | 0.1 it broke\n  backend | ------\n  backend | ERROR: target redis: failed\n"
	require.Equal(t, want, out.String())
}
