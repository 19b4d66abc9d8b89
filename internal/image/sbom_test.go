package image

import (
	"bytes"
	"os"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	cdx "github.com/CycloneDX/cyclonedx-go"
	spdxjson "github.com/spdx/tools-golang/json"
	"github.com/spdx/tools-golang/spdx/v2/common"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const dpkgStatus = `Package: libc6
Status: install ok installed
Maintainer: GNU Libc Maintainers <debian-glibc@lists.debian.org>
Architecture: amd64
Source: glibc
Version: 2.41-12
Description: GNU C Library: Shared libraries
 Package: not-a-package
 .

Package: libstdc++6
Status: install ok installed
Architecture: amd64
Source: gcc-14 (14.2.0-19)
Version: 14.2.0-19+b1

Package: login
Status: deinstall ok config-files
Architecture: amd64
Version: 1:4.16

Package: passwd
Status: install ok installed
Architecture: amd64
Version: 1:4.17.4-2
`

const osRelease13 = "PRETTY_NAME=\"Debian GNU/Linux 13 (trixie)\"\nVERSION_ID=\"13\"\nVERSION_CODENAME=trixie\nID=debian\n"

const npmLockText = `{"name": "shop", "lockfileVersion": 3, "packages": {
  "": {"name": "shop", "version": "1.0.0"},
  "node_modules/preact": {"version": "10.25.0", "license": "MIT"},
  "node_modules/@scope/ui": {"version": "2.0.0-rc.1"},
  "node_modules/a/node_modules/b": {"version": "1.0.0", "license": {"type": "MIT"}},
  "node_modules/vite": {"version": "7.0.0", "dev": true, "license": "MIT"},
  "node_modules/alias": {"name": "real", "version": "3.0.0"},
  "node_modules/ws": {"link": true, "resolved": "packages/ws"},
  "packages/ws": {"version": "0.1.0"}
}}`

// testProgram is a Go binary: this test itself.
func testProgram(t *testing.T) string {
	t.Helper()
	exe, err := os.Executable()
	require.NoError(t, err)
	data, err := os.ReadFile(exe)
	require.NoError(t, err)
	return string(data)
}

func sbomImage(t *testing.T, program string) *content {
	return contentOf(t, ours("backend", "in1"),
		tarOf(t,
			file{name: "usr/lib/os-release", data: osRelease13},
			file{name: "var/lib/dpkg/status", data: strings.ReplaceAll(dpkgStatus, "passwd", "removed-in-the-next-layer")},
			file{name: "usr/bin/gone", data: program, mode: 0o755},
			file{name: "bin/sh", data: "#!/bin/sh\n", mode: 0o755},
			file{name: "bin/broken", data: "\x7fELF and no more", mode: 0o755},
			file{name: "bin/x", data: "x", mode: 0o755},
		),
		tarOf(t,
			file{name: "./var/lib/dpkg/status", data: dpkgStatus},
			file{name: "usr/bin/.wh.gone"},
			file{name: "backend", data: program, mode: 0o755},
			file{name: "usr/share/sbom/npm.json", data: npmLockText},
			file{name: "node_modules/x/package-lock.json", data: "not looked at"},
		),
	)
}

func purls(b *bill) []string {
	var out []string
	for _, p := range b.Parts {
		out = append(out, p.PURL)
	}
	return out
}

func TestTakeStock(t *testing.T) {
	b, err := takeStock(t.Context(), sbomImage(t, testProgram(t)), backendRef, []byte(`not read: the image has its own`))
	require.NoError(t, err)
	assert.Equal(t, "backend", b.Name)
	assert.Equal(t, "v1.0.0", b.Version)
	all := purls(b)
	assert.True(t, slices.IsSorted(all))
	assert.Len(t, slices.Compact(slices.Clone(all)), len(all))
	for _, want := range []string{
		"pkg:deb/debian/libc6@2.41-12?arch=amd64&distro=debian-13&upstream=glibc",
		"pkg:deb/debian/libstdc%2B%2B6@14.2.0-19%2Bb1?arch=amd64&distro=debian-13&upstream=gcc-14%4014.2.0-19",
		"pkg:deb/debian/passwd@1:4.17.4-2?arch=amd64&distro=debian-13",
		"pkg:golang/drydock",
		"pkg:npm/preact@10.25.0", "pkg:npm/%40scope/ui@2.0.0-rc.1", "pkg:npm/b@1.0.0", "pkg:npm/vite@7.0.0", "pkg:npm/real@3.0.0",
	} {
		assert.Contains(t, all, want)
	}
	text := strings.Join(all, "\n")
	assert.Regexp(t, `(?m)^pkg:golang/stdlib@1\.\d+`, text)
	for _, no := range []string{"login", "not-a-package", "removed-in", "npm/ws", "npm/shop"} {
		assert.NotContains(t, text, no)
	}
	for _, p := range b.Parts {
		assert.Equal(t, p.Name == "vite", p.Dev, p.Name)
		assert.NotContains(t, p.Paths, "/usr/bin/gone")
	}
}

func TestSBOMFormats(t *testing.T) {
	from := newMemory().put(t, backendRef, sbomImage(t, "\x7fELF"))
	write := func(kind SBOMKind) string {
		var b bytes.Buffer
		require.NoError(t, WriteSBOM(t.Context(), from, backendRef, SBOMOptions{Kind: kind}, &b))
		return b.String()
	}
	t.Run("cyclonedx", func(t *testing.T) {
		text := write(CycloneDX)
		assert.Equal(t, text, write(CycloneDX), "the same image, the same document")
		var bom cdx.BOM
		require.NoError(t, cdx.NewBOMDecoder(strings.NewReader(text), cdx.BOMFileFormatJSON).Decode(&bom))
		assert.Equal(t, cdx.SpecVersion1_6, bom.SpecVersion)
		assert.Regexp(t, `^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`, bom.SerialNumber)
		assert.Equal(t, "2026-03-01T12:00:00Z", bom.Metadata.Timestamp)
		assert.Equal(t, cdx.ComponentTypeContainer, bom.Metadata.Component.Type)
		refs := map[string]cdx.Component{}
		for _, c := range *bom.Components {
			assert.NotContains(t, refs, c.BOMRef, "references are unique")
			refs[c.BOMRef] = c
		}
		assert.Len(t, *(*bom.Dependencies)[0].Dependencies, len(refs))
		assert.Equal(t, cdx.ScopeExcluded, refs["pkg:npm/vite@7.0.0"].Scope)
		ui := refs["pkg:npm/%40scope/ui@2.0.0-rc.1"]
		assert.Equal(t, "@scope", ui.Group)
		assert.Equal(t, "ui", ui.Name)
	})
	t.Run("spdx", func(t *testing.T) {
		text := write(SPDX)
		assert.Equal(t, text, write(SPDX))
		doc, err := spdxjson.Read(strings.NewReader(text))
		require.NoError(t, err)
		assert.Equal(t, "SPDX-2.3", doc.SPDXVersion)
		assert.Equal(t, "2026-03-01T12:00:00Z", doc.CreationInfo.Created)
		ids := map[common.ElementID]bool{"DOCUMENT": true}
		valid := regexp.MustCompile(`^[A-Za-z0-9.-]+$`)
		for _, p := range doc.Packages {
			assert.False(t, ids[p.PackageSPDXIdentifier], p.PackageSPDXIdentifier)
			assert.Regexp(t, valid, string(p.PackageSPDXIdentifier))
			ids[p.PackageSPDXIdentifier] = true
		}
		assert.Len(t, doc.Relationships, len(doc.Packages))
		for _, r := range doc.Relationships {
			assert.True(t, ids[r.RefA.ElementRefID] && ids[r.RefB.ElementRefID], "%v", r)
		}
		assert.Contains(t, text, `"referenceLocator": "pkg:deb/debian/libc6@2.41-12?arch=amd64&distro=debian-13&upstream=glibc"`)
	})
	assert.Error(t, WriteSBOM(t.Context(), from, backendRef, SBOMOptions{Kind: "xml"}, &bytes.Buffer{}))
}

func TestSBOMOfScratchAndLock(t *testing.T) {
	empty := contentOf(t, nil)
	b, err := takeStock(t.Context(), empty, "x/y:1", nil)
	require.NoError(t, err)
	assert.Empty(t, b.Parts)
	assert.Equal(t, "x/y", b.Name)
	assert.Equal(t, "1", b.Version)

	b, err = takeStock(t.Context(), empty, "x/y:1", []byte(npmLockText))
	require.NoError(t, err)
	assert.Contains(t, purls(b), "pkg:npm/preact@10.25.0")

	_, err = takeStock(t.Context(), empty, "x/y:1", []byte(`{"lockfileVersion": 1}`))
	require.ErrorContains(t, err, "lock file version 1")
	broken := contentOf(t, nil, tarOf(t, file{name: "app/package-lock.json", data: "{"}))
	_, err = takeStock(t.Context(), broken, "x/y:1", nil)
	require.ErrorContains(t, err, "/app/package-lock.json")
}

func TestNpmOwnBill(t *testing.T) {
	s := scanner{parts: map[string]part{}}
	require.NoError(t, s.addNpm("/usr/share/sbom/npm.json", []byte(`{"bomFormat": "CycloneDX", "components": [
		{"group": "@scope", "name": "ui", "version": "1.0.0"}, {"name": "vite", "version": "7.0.0", "scope": "excluded"}]}`)))
	assert.Contains(t, s.parts, "pkg:npm/%40scope/ui@1.0.0")
	assert.True(t, s.parts["pkg:npm/vite@7.0.0"].Dev)
}

func TestIsNpmLock(t *testing.T) {
	for name, want := range map[string]bool{
		"app/package-lock.json":                            true,
		"package-lock.json":                                true,
		"app/node_modules/.package-lock.json":              true,
		"node_modules/.package-lock.json":                  true,
		"app/node_modules/x/package-lock.json":             false,
		"a/node_modules/b/node_modules/.package-lock.json": false,
		".package-lock.json":                               false,
		"app/package.json":                                 false,
	} {
		assert.Equal(t, want, isNpmLock(name), name)
	}
}

func TestPURL(t *testing.T) {
	assert.Equal(t, "pkg:golang/github.com/burntsushi/toml@v1.4.1", goPURL("github.com/BurntSushi/toml", "v1.4.1"))
	assert.Equal(t, "pkg:golang/stdlib@1.26.0", goPURL("stdlib", "1.26.0"))
	assert.Equal(t, "pkg:golang/drydock/backend", goPURL("drydock/backend", ""))
	assert.Equal(t, "pkg:npm/left-pad@1.3.0", npmPURL("left-pad", "1.3.0"))
	assert.Equal(t, "pkg:deb/debian/g%2B%2B@4:14.2~rc1?arch=amd64", purl("deb", "debian", "g++", "4:14.2~rc1", map[string]string{"arch": "amd64", "distro": ""}))
}

func TestParseSBOMKind(t *testing.T) {
	for in, want := range map[string]SBOMKind{"": CycloneDX, "json": CycloneDX, "text": CycloneDX, "CycloneDX": CycloneDX, "spdx": SPDX} {
		got, err := ParseSBOMKind(in)
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
	_, err := ParseSBOMKind("xml")
	require.ErrorContains(t, err, "cyclonedx or spdx")
}

func TestOSReleaseWithoutNumber(t *testing.T) {
	s := scanner{parts: map[string]part{}}
	require.NoError(t, s.addRelease("", []byte("ID=debian\nVERSION_CODENAME=forky\n")))
	require.NoError(t, s.readDebs("var/lib/dpkg/status.d/tzdata", []byte("Package: tzdata\nVersion: 2026a-1\nArchitecture: all\n")))
	s.addDebs()
	assert.Contains(t, s.parts, "pkg:deb/debian/tzdata@2026a-1?arch=all&distro=debian-forky")
}

func TestGoModules(t *testing.T) {
	s := scanner{parts: map[string]part{}}
	s.addGoInfo("/backend", &debug.BuildInfo{
		GoVersion: "go1.26.1 X:nocoverageredesign",
		Main:      debug.Module{Path: "drydock/backend", Version: "(devel)"},
		Deps: []*debug.Module{
			{Path: "github.com/BurntSushi/toml", Version: "v1.4.1"},
			{Path: "github.com/docker/docker", Version: "v28.5.2+incompatible"},
			{Path: "example.com/old", Version: "v1.0.0", Replace: &debug.Module{Path: "example.com/fork", Version: "v1.0.1"}},
			{Path: "example.com/local", Version: "v1.0.0", Replace: &debug.Module{Path: "../local"}},
		},
	})
	s.addGoInfo("/probe", &debug.BuildInfo{GoVersion: "devel +abc", Deps: []*debug.Module{{Path: "github.com/BurntSushi/toml", Version: "v1.4.1"}}})
	var got []string
	for p := range s.parts {
		got = append(got, p)
	}
	slices.Sort(got)
	assert.Equal(t, []string{
		"pkg:golang/drydock/backend",
		"pkg:golang/example.com/fork@v1.0.1",
		"pkg:golang/example.com/local",
		"pkg:golang/github.com/burntsushi/toml@v1.4.1",
		"pkg:golang/github.com/docker/docker@v28.5.2%2Bincompatible",
		"pkg:golang/stdlib@1.26.1",
	}, got)
	assert.Equal(t, goMain, s.parts["pkg:golang/drydock/backend"].Kind)
	assert.Equal(t, []string{"/backend", "/probe"}, s.parts["pkg:golang/github.com/burntsushi/toml@v1.4.1"].Paths)
}
