package image

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseDockerfile(t *testing.T) {
	d := parseDockerfile("# syntax\r\narg BASE_TRIXIE=x\r\nARG GO_IMAGE=${BASE_TRIXIE}\r\n" +
		"FROM --platform=$BUILDPLATFORM ${BASE_TRIXIE} as Build\r\nRUN a \\\r\n  && b\r\nHEALTHCHECK --interval=5s \\\r\n  CMD x\r\n" +
		"FROM scratch\r\nARG SOURCE_DATE_EPOCH\r\nFROM build AS dev\r\nHEALTHCHECK none\r\nFROM build AS prod\r\n")
	require.Equal(t, []string{"BASE_TRIXIE", "GO_IMAGE", "SOURCE_DATE_EPOCH"}, d.Args)
	require.Equal(t, map[string]string{"BASE_TRIXIE": "base-trixie"}, d.needs())
	require.Equal(t, "dev", d.pick("dev"))
	require.Equal(t, "prod", d.pick("none such"), "a Dockerfile without the wanted stage builds prod")
	require.True(t, d.checked("prod"), "inherited from the stage it begins with")
	require.False(t, d.checked("dev"), "NONE")
	require.True(t, d.checked(""), "the last stage")
	require.False(t, d.fromScratch("prod"))

	plain := parseDockerfile("FROM scratch\nCOPY a /\n")
	require.Empty(t, plain.pick("prod"))
	require.False(t, plain.checked(""))
	require.True(t, plain.fromScratch(""))
}

func FuzzParseDockerfile(f *testing.F) {
	f.Add("FROM a AS b\nFROM b\nHEALTHCHECK CMD x")
	f.Fuzz(func(t *testing.T, text string) {
		d := parseDockerfile(text)
		for _, s := range append(d.Stages, stage{}) {
			d.checked(s.Name)
			d.fromScratch(s.Name)
		}
	})
}
