//go:build integration

package image

import (
	"bytes"
	"testing"

	cdx "github.com/CycloneDX/cyclonedx-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/testkit"
)

// The test kit's image is one static Go program.
func TestSBOMFromRealEngine(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, WriteSBOM(t.Context(), testkit.Engine(t), testkit.TinyImage(t), SBOMOptions{Kind: CycloneDX}, &out))
	var bom cdx.BOM
	require.NoError(t, cdx.NewBOMDecoder(&out, cdx.BOMFileFormatJSON).Decode(&bom))
	var found []string
	for _, c := range *bom.Components {
		found = append(found, c.PackageURL)
		assert.Equal(t, "/tiny", (*c.Evidence.Occurrences)[0].Location)
	}
	assert.Contains(t, found, "pkg:golang/drydock")
	require.NotEmpty(t, found)
}
