package obs

import (
	"runtime"
	"runtime/debug"
)

// Build is what /version answers.
type Build struct {
	Version  string `json:"version"`
	Commit   string `json:"commit,omitempty"` // where the build knew it
	Go       string `json:"go"`
	Instance string `json:"instance"` // host name: which of several answered
}

// NewBuild completes the version, which is given at run time so that equal sources are equal images, with what the
// linker recorded.
func NewBuild(version, instance string) Build {
	b := Build{Version: version, Go: runtime.Version(), Instance: instance}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				b.Commit = s.Value
			}
		}
	}
	return b
}
