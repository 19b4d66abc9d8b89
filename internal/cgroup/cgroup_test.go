package cgroup

import (
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRead(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		want  Limits
	}{
		"no control groups":    {nil, Limits{0, 4}},
		"v2 without limits":    {map[string]string{"memory.max": "max\n", "cpu.max": "max 100000\n"}, Limits{0, 4}},
		"v2 limited":           {map[string]string{"memory.max": "67108864\n", "cpu.max": "150000 100000\n"}, Limits{64 << 20, 2}},
		"v2 a fifth":           {map[string]string{"memory.max": "67108864\n", "cpu.max": "20000 100000\n"}, Limits{64 << 20, 1}},
		"v2 more than present": {map[string]string{"cpu.max": "900000 100000\n"}, Limits{0, 4}},
		"v1 without limits": {map[string]string{"memory/memory.limit_in_bytes": "9223372036854771712\n",
			"cpu,cpuacct/cpu.cfs_quota_us": "-1\n", "cpu,cpuacct/cpu.cfs_period_us": "100000\n"}, Limits{0, 4}},
		"v1 limited": {map[string]string{"memory/memory.limit_in_bytes": "134217728\n",
			"cpu/cpu.cfs_quota_us": "100000\n", "cpu/cpu.cfs_period_us": "100000\n"}, Limits{128 << 20, 1}},
		"nonsense": {map[string]string{"memory.max": "lots", "cpu.max": "some time"}, Limits{0, 4}},
	} {
		t.Run(name, func(t *testing.T) {
			files := fstest.MapFS{}
			for file, content := range c.files {
				files[file] = &fstest.MapFile{Data: []byte(content)}
			}
			got, err := Read(files, 4)
			require.NoError(t, err)
			assert.Equal(t, c.want, got)
		})
	}
}
