package physical

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/run"
)

func TestOneRestoreAtATimeFillsAFolder(t *testing.T) {
	dir := t.TempDir()
	release, err := claim(dir)
	require.NoError(t, err)
	_, err = Repo{Name: Local}.Fetch(t.Context(), Target{}, "17", FetchOptions{Dir: dir, Log: func(string) {}})
	require.ErrorContains(t, err, "another restore is filling it")
	assert.Equal(t, run.CodeBusy, run.Code(err))
	require.NoError(t, release())
	release, err = claim(dir)
	require.NoError(t, err)
	require.NoError(t, release())
	_, err = claim(dir + "/none")
	assert.Equal(t, run.CodeBadInput, run.Code(err))
}
