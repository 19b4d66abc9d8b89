package image

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"drydock/internal/env"
)

// netFile is the BuildKit secret `net`: what of the network around us a build needs, as
// KEY='value' lines for a shell. As a secret it reaches neither a layer nor the history,
// and changing it does not rebuild anything.
func netFile(b env.Build) string {
	var text strings.Builder
	for _, kv := range [][2]string{
		{"DEBIAN_MIRROR", b.DebianMirror}, {"DEBIAN_SECURITY_MIRROR", b.SecurityMirror},
		{"CHECK_VALID_UNTIL", fmt.Sprint(b.CheckValidUntil)},
		{"GOPROXY", b.GoProxy}, {"GOSUMDB", b.GoSumDB}, {"NPM_REGISTRY", b.NpmRegistry},
		{"HTTP_PROXY", b.HTTPProxy}, {"HTTPS_PROXY", b.HTTPSProxy}, {"NO_PROXY", b.NoProxy},
	} {
		if kv[1] != "" {
			fmt.Fprintf(&text, "%s='%s'\n", kv[0], strings.ReplaceAll(kv[1], "'", `'\''`))
		}
	}
	return text.String()
}

// secretsOf writes the build secrets into a private folder and returns how buildx names them.
func secretsOf(s *env.Settings, dir string) ([]string, error) {
	path := filepath.Join(dir, "net")
	if err := os.WriteFile(path, []byte(netFile(s.Build)), 0o600); err != nil {
		return nil, fmt.Errorf("writing the network settings of the build: %w", err)
	}
	// Relative to the folder that the docker command runs in: a comma in its path would end the value.
	list := []string{"id=net,src=net"}
	if s.Build.ExtraCA == "" {
		return list, nil
	}
	bundle, err := os.ReadFile(s.Path(s.Build.ExtraCA))
	if err != nil {
		return nil, fmt.Errorf("reading EXTRA_CA: %w", err)
	}
	path = filepath.Join(dir, "ca")
	if err := os.WriteFile(path, bundle, 0o600); err != nil {
		return nil, fmt.Errorf("copying EXTRA_CA for the build: %w", err)
	}
	return append(list, "id=ca,src=ca"), nil
}
