package target

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/manual"
	"drydock/internal/run"
	"drydock/internal/testkit"
)

// inCache is how mage calls the program that it made.
const inCache = "/home/op/.magefile/299c171ece13bad7269f3797db1f3a721f683420861f13f6452700775cdb6d5d"

func TestArgumentsAreReadBeforeAnythingRuns(t *testing.T) {
	known, err := manual.Words(filepath.Join(testkit.Root(t), "magefiles"))
	require.NoError(t, err)
	for _, c := range []struct {
		args    []string
		environ []string
		want    string // "" for nothing wrong
	}{
		{args: []string{inCache}},
		{args: []string{inCache, "setup", "up"}},
		{args: []string{inCache, "UP", "Backup:configrestore", "test"}},
		{args: []string{inCache, "env:diff", "dev", "prod"}},
		{args: []string{inCache, "env:diff", "dev", "prod", "up"}},
		{args: []string{inCache, "env:diff", "up", "down"}},
		{args: []string{inCache, "drill:start", "anything"}},
		{args: []string{inCache, "image:sbom", "-kind=spdx", "up"}},
		{args: []string{inCache, "image:sbom", "-Kind=spdx"}},
		{args: []string{inCache, "-v", "-t", "5m", "up"}},
		{args: []string{inCache, "up", "TO=x"}, environ: []string{"MAGEFILE_LIST=1"}},
		{args: []string{inCache, "-h", "nothing"}},
		{args: []string{inCache, "-l"}},
		{args: []string{inCache, "-nonsense"}},

		{args: []string{inCache, "deploy:rollback", "TO=nonsense"},
			want: "TO=nonsense is a setting: write it before the command: TO=nonsense go tool mage deploy:rollback"},
		{args: []string{inCache, "deploy:rollback", "TO=nonsense"}, environ: []string{"PATH=/bin", "ENV=prod", "DOCKER_HOST=ssh://a@b", "CI=1", "DB_PASSWORD=hidden"},
			want: "TO=nonsense is a setting: write it before the command: DOCKER_HOST=ssh://a@b ENV=prod TO=nonsense go tool mage deploy:rollback"},
		{args: []string{"./drydock", "-v", "down", "VOLUMES=1", "YES=1"}, environ: []string{"ENV=staging", "YES=0"},
			want: "VOLUMES=1 and YES=1 are settings: write them before the command: ENV=staging VOLUMES=1 YES=1 ./drydock -v down"},
		{args: []string{inCache, "ENV=prod", "up"},
			want: "ENV=prod is a setting: write it before the command: ENV=prod go tool mage up"},
		{args: []string{inCache, "logs", "MATCH=it's $5", "status"},
			want: `MATCH='it'\''s $5' is a setting: write it before the command: MATCH='it'\''s $5' go tool mage logs status`},
		{args: []string{inCache, "env:diff", "dev", "FORMAT=json", "prod"},
			want: "FORMAT=json is a setting: write it before the command: FORMAT=json go tool mage env:diff dev prod"},
		{args: []string{inCache, "up", "DB_PASSWORD=hidden"},
			want: "DB_PASSWORD=... is a setting: write it before the command: DB_PASSWORD=... go tool mage up"},
		{args: []string{inCache, "down", "volumes=1"},
			want: "there is no setting volumes, did you mean VOLUMES? VOLUMES=1 is a setting: write it before the command: VOLUMES=1 go tool mage down"},
		{args: []string{inCache, "up", "WHATEVER_THAT_IS=1"},
			want: "WHATEVER_THAT_IS=1 is a setting: write it before the command: WHATEVER_THAT_IS=1 go tool mage up"},

		{args: []string{inCache, "deploy:rolback"}, want: "there is no target deploy:rolback; did you mean deploy:rollback?"},
		{args: []string{inCache, "up", "statsu"}, want: "there is no target statsu; did you mean status?"},
		{args: []string{inCache, "depoly"}, want: "there is no target depoly; did you mean one of deploy:dev, deploy:history, deploy:plan, deploy:prod, deploy:rollback, deploy:status, deploy:unlock?"},
		{args: []string{inCache, "deploy"}, want: "there is no target deploy alone; there are deploy:dev, deploy:history, deploy:plan, deploy:prod, deploy:rollback, deploy:status, deploy:unlock"},
		{args: []string{inCache, "up", "rollback"}, want: "there is no target rollback; did you mean deploy:rollback?"},
		{args: []string{inCache, "xyzzyxyzzy"}, want: "there is no target xyzzyxyzzy; go tool mage -l lists them"},
		{args: []string{inCache, "up", "-h"}, want: "-h is no target, and up takes no such option; options come before the targets: go tool mage -h up"},
		{args: []string{inCache, "down", "env:diff", "dev"}, want: "env:diff needs a and b: go tool mage env:diff A B"},
		{args: []string{inCache, "down", "drill:start"}, want: "drill:start needs name: go tool mage drill:start NAME"},
		{args: []string{inCache, "build", "image:sbom", "-form=spdx"}, want: "-form=spdx: image:sbom takes -kind=value"},
		{args: []string{inCache, "build", "image:sbom", "-kind"}, want: "-kind: image:sbom takes -kind=value"},
	} {
		line := commandLine(c.args, c.environ)
		if line.looks {
			assert.Empty(t, c.want, "%q", c.args)
			continue
		}
		err := line.check(known)
		if c.want == "" {
			assert.NoError(t, err, "%q", c.args)
			continue
		}
		if assert.EqualError(t, err, c.want, "%q", c.args) {
			assert.Equal(t, run.CodeBadInput, run.Code(err))
		}
	}
}

// Outside of a checkout mage knows the targets, and settings are refused all the same.
func TestSettingsAreRefusedWithoutTargets(t *testing.T) {
	assert.NoError(t, commandLine([]string{"drydock", "nothing"}, nil).check(nil))
	assert.Error(t, commandLine([]string{"drydock", "up", "ENV=prod"}, nil).check(nil))
}
