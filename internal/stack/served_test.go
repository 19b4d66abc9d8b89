package stack

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"drydock/internal/compose"
	"drydock/internal/engine"
	"drydock/internal/env"
	"drydock/internal/image"
	"drydock/internal/run"
)

func appOf(service, release string, environ ...string) engine.Container {
	return engine.Container{ImageID: "sha256:" + service + release, Env: environ, Labels: map[string]string{
		"com.docker.compose.service": service, compose.LabelRelease: release, compose.LabelVersion: "v" + release,
	}}
}

// Only a deploy makes a release, and only a deploy takes it away: whatever up finds of one, or
// reads of it, it goes on with that.
func TestWhichReleaseGoesOn(t *testing.T) {
	kept := []Kept{{ID: "1", Version: "v1"}, {ID: "2", Version: "v2", Backend: KeptImage{ID: "b2"}, Frontend: KeptImage{ID: "f2"}}}
	backend, frontend := appOf("backend", "1"), appOf("frontend", "1")
	for name, c := range map[string]struct {
		apps            []engine.Container
		kept            []Kept
		want            string // "": up brings the checkout
		whole           bool
		backend, fronts string // images
	}{
		"nothing was ever there":       {},
		"made by up":                   {apps: []engine.Container{appOf("backend", ""), appOf("frontend", "")}, kept: kept},
		"a release":                    {apps: []engine.Container{backend, frontend}, kept: kept, want: "1", whole: true, backend: "sha256:backend1", fronts: "sha256:frontend1"},
		"a release, unwritten":         {apps: []engine.Container{backend, backend, frontend}, want: "1", whole: true, backend: "sha256:backend1", fronts: "sha256:frontend1"},
		"its containers are gone":      {kept: kept, want: "2", backend: "b2", fronts: "f2"},
		"those of one app are gone":    {apps: []engine.Container{appOf("backend", "2")}, kept: kept, want: "2", backend: "sha256:backend2", fronts: "f2"},
		"gone and unwritten":           {apps: []engine.Container{frontend}, want: "1", fronts: "sha256:frontend1"},
		"up had a part of it replaced": {apps: []engine.Container{appOf("backend", ""), appOf("frontend", "2")}, kept: kept, want: "2", backend: "b2", fronts: "sha256:frontend2"},
	} {
		t.Run(name, func(t *testing.T) {
			r := servedBy(c.apps, c.kept)
			if c.want == "" {
				assert.Nil(t, r)
				return
			}
			assert.Equal(t, "v"+c.want+" (release "+c.want+")", r.name())
			assert.Equal(t, c.whole, r.whole)
			assert.Equal(t, c.backend, r.image("backend"))
			assert.Equal(t, c.fronts, r.image("frontend"))
		})
	}
}

func TestUpSaysWhatStays(t *testing.T) {
	r := &served{id: "7", version: "v1.0.1", revision: "aaaa"}
	const deploy = "go tool mage deploy:prod"
	for _, c := range []struct {
		checkout image.Version
		same     bool
		want     string
	}{
		{image.Version{Tag: "v1.0.1", Revision: "aaaa"}, true, ""},
		{image.Version{Tag: "v1.0.2", Revision: "bbbb"}, true, "; the checkout is v1.0.2: go tool mage deploy:prod makes it live"},
		{image.Version{Tag: "v1.0.2", Revision: "bbbb"}, false, "; the checkout is v1.0.2: go tool mage deploy:prod makes it live"},
		{image.Version{Tag: "v1.0.1", Revision: "bbbb"}, true, "; the checkout is another commit, bbbb: go tool mage deploy:prod makes it live"},
		{image.Version{Tag: "v1.0.1", Revision: "aaaa"}, false, "; the apps' settings of now are others: go tool mage deploy:prod makes them live"},
		// A second build of one version has a longer name.
		{image.Version{Tag: "v1.0", Revision: "aaaa"}, true, ""},
	} {
		assert.Equal(t, "v1.0.1 (release 7) serves and stays"+c.want, stays(r, c.checkout, c.same, deploy))
	}
	err := (&Stack{Settings: &env.Settings{Project: "shop", Env: "prod", Mode: env.Prod}}).lost(r, "backend", "its image is gone, too")
	assert.Equal(t, run.CodeBadInput, run.Code(err))
	assert.ErrorContains(t, err, "go tool mage deploy:rollback")
	assert.ErrorContains(t, err, deploy)
}

// The gateway asks both colours in one way, so what it does not have cannot be deployed, and
// what it gets takes away what serves.
func TestHowTheAppsAreAsked(t *testing.T) {
	st := &Stack{Settings: &env.Settings{Project: "shop", Env: "prod", Mode: env.Prod}}
	apps := []engine.Container{
		appOf("backend", "1", "PORT=8080", "HEALTH_PATH=/readyz"), appOf("backend", "1", "PORT=8080", "HEALTH_PATH=/readyz"),
		appOf("frontend", "1", "PORT=3000", "HEALTH_PATH=/"), appOf("migrate", "1", "PORT=1"),
	}
	have := ReachOf(apps)
	assert.Equal(t, Reach{"BACKEND_PORT": "8080", "BACKEND_HEALTH_PATH": "/readyz", "FRONTEND_PORT": "3000", "FRONTEND_HEALTH_PATH": "/"}, have)
	gateway := reachIn([]string{"BACKEND_PORT=8080", "FRONTEND_PORT=3000", "BACKEND_TIMEOUT=1s", "PATH"})
	assert.Empty(t, have.Apart(gateway), "what one of them does not say is not apart")
	assert.NoError(t, st.beyond(nil))
	assert.NoError(t, st.turnedAway(nil, nil))
	assert.Empty(t, Reach(nil).Apart(have), "no gateway runs")

	now := Reach{"BACKEND_PORT": "9000", "FRONTEND_HEALTH_PATH": "/up", "FRONTEND_PORT": "3000"}
	list := have.Apart(now)
	assert.Equal(t, []Apart{{"BACKEND_PORT", "8080", "9000"}, {"FRONTEND_HEALTH_PATH", "/", "/up"}}, list)
	err := st.beyond(list[:1])
	assert.EqualError(t, err, "BACKEND_PORT differs from what the gateway runs with (8080, now 9000): the new release could not be reached. "+
		"The gateway asks both colours in one way, so the site is away between these two: YES=1 ENV=prod go tool mage up && go tool mage deploy:prod")
	assert.Equal(t, run.CodeBadInput, run.Code(err))
	err = st.turnedAway(&served{id: "7", version: "v1"}, list)
	assert.EqualError(t, err, "BACKEND_PORT is 9000, and v1 (release 7), which serves, has 8080; FRONTEND_HEALTH_PATH is /up, and v1 (release 7), which serves, has /: "+
		"with the gateway of now the site is away until a release with the new setting is live. If that is meant: YES=1 ENV=prod go tool mage up && go tool mage deploy:prod")
	assert.Equal(t, run.CodeBadInput, run.Code(err))
}

// Only the release that went live last says which colour is live, and only if one colour has it.
func TestTheColourOfTheReleaseThatWentLiveLast(t *testing.T) {
	blue, green := []engine.Container{appOf("backend", "1"), appOf("frontend", "1")}, []engine.Container{appOf("backend", "2"), appOf("frontend", "2")}
	for name, c := range map[string]struct {
		release     string
		blue, green []engine.Container
		want        compose.Colour
	}{
		"the newer one":    {"2", blue, green, compose.Green},
		"gone back":        {"1", blue, green, compose.Blue},
		"the other way":    {"1", green, blue, compose.Green},
		"a part of it":     {"2", blue, green[:1], compose.Green},
		"nothing of it":    {"3", blue, green, ""},
		"nothing at all":   {"1", nil, nil, ""},
		"made by up alone": {"1", []engine.Container{appOf("backend", "")}, nil, ""},
		"in both":          {"1", blue, blue, ""},
	} {
		assert.Equal(t, c.want, colourWith(c.release, map[compose.Colour][]engine.Container{compose.Blue: c.blue, compose.Green: c.green}), name)
	}
}
