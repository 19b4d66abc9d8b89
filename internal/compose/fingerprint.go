package compose

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"drydock/internal/env"
)

// Fingerprint says what the apps of a release are, apart from its name: the files, the
// values that they use, and the images. Two releases with the same one would be the same
// containers. Colour and version are no part of it: the same thing built from a later
// commit is still the same.
type Fingerprint struct {
	Sum    string            `json:"sum"`
	Files  string            `json:"files"`  // hash of the compose files
	Values map[string]string `json:"values"` // what the files' ${NAMES} mean; no secret is among them
}

// named is a ${NAME} of the files.
var named = regexp.MustCompile(`\$\{([A-Z][A-Za-z0-9_]*)`)

// varying are values that differ between two runs of one release, or say the same thing
// as an image's id.
var varying = []string{
	"COLOUR", "APP_VERSION", "SOURCE_OWNER", "BACKEND_SOURCE", "FRONTEND_SOURCE", "BACKEND_CACHE_VOLUME",
	"BACKEND_IMAGE_REF", "FRONTEND_IMAGE_REF", "MIGRATE_IMAGE_REF", "ENV",
}

// AppFingerprint computes it for the apps with these values; backend and frontend say what
// their images are.
func AppFingerprint(s *env.Settings, v Values, backend, frontend string) (Fingerprint, error) {
	v.Labels = nil
	p := App(s, v)
	text := strings.Builder{}
	for _, f := range append(slices.Clone(p.Files), filepath.Join(p.Dir, "common.yaml")) {
		data, err := os.ReadFile(f)
		if err != nil {
			return Fingerprint{}, fmt.Errorf("reading the compose files: %w", err)
		}
		text.Write(data)
	}
	f := Fingerprint{Files: sum(text.String()), Values: map[string]string{}}
	text.Write(p.Override)
	used := map[string]bool{}
	for _, m := range named.FindAllStringSubmatch(text.String(), -1) {
		used[m[1]] = !slices.Contains(varying, m[1])
	}
	for _, kv := range p.Env {
		if name, value, _ := strings.Cut(kv, "="); used[name] {
			f.Values[strings.TrimPrefix(name, "DRYDOCK_")] = value
		}
	}
	all := fmt.Sprintf("%q\n%q\n%q\n%q\n", f.Files, p.Override, backend, frontend)
	for _, name := range slices.Sorted(maps.Keys(f.Values)) {
		all += fmt.Sprintf("%q=%q\n", name, f.Values[name])
	}
	f.Sum = sum(all)
	return f, nil
}

func sum(text string) string {
	h := sha256.Sum256([]byte(text))
	return hex.EncodeToString(h[:12])
}

// The labels of the containers of a release. They are what is true about a colour; what
// is written down elsewhere about it is a memory.
const (
	LabelRelease     = "drydock.release"     // id
	LabelVersion     = "drydock.version"     // as the apps answer it
	LabelRevision    = "drydock.revision"    // commit
	LabelFingerprint = "drydock.fingerprint" // Fingerprint.Sum
)
