//go:build integration && long

package bench

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/env"
	"drydock/internal/image"
	"drydock/internal/testkit"
)

// A clone on a machine with nothing but Debian's required packages: what the README says leads to
// a page that answers, with no step between.
func TestAnEmptyMachineGetsAPage(t *testing.T) {
	src := env.Source{Root: testkit.Root(t), Environ: os.Environ(), ReadOnly: true}
	s, err := env.Load(src)
	require.NoError(t, err)
	e := testkit.Engine(t)
	// The machine is made of it.
	_, err = image.Build(t.Context(), image.BuildOptions{Settings: s, Engine: e, Err: os.Stderr, Names: []string{debianBase}})
	require.NoError(t, err)
	rows, err := Cold(t.Context(), DeployOptions{Source: src, Engine: e, Err: os.Stderr}, s)
	require.NoError(t, err)
	require.Len(t, rows, len(phases)+1)
	for _, r := range rows {
		assert.Positive(t, r.Median, r.Name)
	}
}
