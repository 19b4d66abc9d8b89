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
	require.Equal(t, map[string]string{"BASE_TRIXIE": "base-trixie"}, d.reach("prod", nil).Needs)
	require.Equal(t, "dev", d.pick("dev"))
	require.Equal(t, "prod", d.pick("none such"), "a Dockerfile without the wanted stage builds prod")
	require.True(t, d.checked("prod", nil), "inherited from the stage it begins with")
	require.False(t, d.checked("dev", nil), "NONE")
	require.True(t, d.checked("", nil), "the last stage")
	require.False(t, d.fromScratch("prod", nil))

	plain := parseDockerfile("FROM scratch\nCOPY a /\n")
	require.Empty(t, plain.pick("prod"))
	require.False(t, plain.checked("", nil))
	require.True(t, plain.fromScratch("", nil))
}

// A stage's name may be made of arguments.
func TestAStageThatAnArgumentNames(t *testing.T) {
	d := parseDockerfile("ARG KIND=small\nFROM scratch AS base-small\nHEALTHCHECK CMD x\nFROM nginx AS base-large\nFROM base-${KIND} AS prod\n")
	require.True(t, d.checked("prod", nil))
	require.True(t, d.fromScratch("prod", nil))
	require.Empty(t, d.base("prod", nil))
	large := map[string]string{"KIND": "large"}
	require.False(t, d.checked("prod", large))
	require.False(t, d.fromScratch("prod", large))
	require.Equal(t, "nginx", d.base("prod", large))
	// A stage that names itself begins with an image of that name.
	require.Equal(t, "nginx", parseDockerfile("FROM nginx AS nginx\n").base("", nil))
}

func TestBaseOfDockerfile(t *testing.T) {
	const tools = "ARG BASE_TRIXIE=x\nARG GO_IMAGE=${BASE_TRIXIE}\nFROM ${BASE_TRIXIE} AS base\nFROM $GO_IMAGE AS prod\n"
	for _, c := range []struct {
		text, stage string
		args        map[string]string
		want        string
	}{
		{"FROM nginx:1.29 AS a\nFROM a AS prod", "prod", nil, "nginx:1.29"},
		{"FROM nginx AS a\nFROM scratch AS prod", "prod", nil, ""},
		{tools, "prod", nil, ""},
		{tools, "prod", map[string]string{"GO_IMAGE": "golang:1.26"}, "golang:1.26"},
		{"ARG V=3\nFROM alpine:${V:-2}", "", nil, "alpine:3"},
		{"FROM alpine:${V:-2}", "", nil, "alpine:2"},
		{"ARG A=${B}\nARG B=${A}\nFROM x:$A", "", nil, ""},
		{"", "", nil, ""},
	} {
		require.Equal(t, c.want, parseDockerfile(c.text).base(c.stage, c.args), c.text)
	}
}

func TestReach(t *testing.T) {
	d := parseDockerfile(`ARG TOOLCHAIN_NODE=x
ARG BASE_FORKY=y
ARG NGINX_BASE=${BASE_FORKY}
FROM ${TOOLCHAIN_NODE} AS deps
COPY --chown=1:1 package.json package-lock.json ./
RUN --mount=type=secret,id=net --mount=type=cache,target=/c npm ci
FROM deps AS build
COPY . .
FROM deps AS dev
COPY --from=build /out /
FROM deps AS tools
COPY ["a b", "src/*.go", "/"]
FROM ${TOOLCHAIN_NODE} AS bound
RUN --mount=target=/src,rw make
FROM tools AS mixed
ADD $X /
FROM ${NGINX_BASE} AS prod
RUN --mount=type=bind,from=tools,target=/t x
COPY --from=0 /a /
`)
	node := map[string]string{"TOOLCHAIN_NODE": "toolchain-node"}
	both := map[string]string{"TOOLCHAIN_NODE": "toolchain-node", "NGINX_BASE": "nginx-base", "BASE_FORKY": "base-forky"}
	given := map[string]string{"TOOLCHAIN_NODE": "toolchain-node", "NGINX_BASE": "nginx-base"}

	require.Equal(t, node, d.reach("deps", nil).Needs)
	require.Equal(t, both, d.reach("prod", nil).Needs)
	require.Equal(t, given, d.reach("prod", map[string]string{"NGINX_BASE": "mine"}).Needs)
	require.Equal(t, both, d.reach("", nil).Needs, "the last stage")

	takes := func(stage string) (list []string) {
		for _, f := range []string{"package.json", "a b", "a", "src/x.go", "src/sub/x.go", "x"} {
			if d.reach(stage, nil).takes(f) {
				list = append(list, f)
			}
		}
		return list
	}
	all := []string{"package.json", "a b", "a", "src/x.go", "src/sub/x.go", "x"}
	require.Equal(t, []string{"package.json"}, takes("deps"))
	require.Equal(t, all, takes("dev"), "through the stage that it copies from")
	require.Equal(t, all, takes("bound"), "a bind mount of the context")
	require.Equal(t, all, takes("mixed"), "an argument in a path")
	require.Equal(t, []string{"package.json", "a b", "src/x.go"}, takes("prod"))
}

func FuzzParseDockerfile(f *testing.F) {
	f.Add("FROM a AS b\nFROM b\nHEALTHCHECK CMD x")
	f.Fuzz(func(t *testing.T, text string) {
		d := parseDockerfile(text)
		for _, s := range append(d.Stages, stage{}) {
			d.checked(s.Name, nil)
			d.fromScratch(s.Name, nil)
			d.base(s.Name, nil)
			d.reach(s.Name, nil).takes("a/b")
		}
	})
}
