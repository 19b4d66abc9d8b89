package swarm

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"drydock/internal/testkit"
)

// resolved is what `docker compose config` makes of a project, in small.
const resolved = `
name: shop
services:
  db:
    cap_drop: [ALL]
    environment: {POSTGRES_USER: "a$$b"}
    healthcheck: {test: [CMD, check], interval: 5s, retries: 3}
    image: pg:1
    labels: {drydock.project: shop}
    mem_limit: "536870912"
    networks: {data: null}
    pids_limit: 512
    read_only: true
    restart: unless-stopped
    security_opt: ["no-new-privileges:true"]
    shm_size: "268435456"
    tmpfs: ["/tmp:mode=1777,size=64m", "/scratch:mode=1777", "/run/postgresql:uid=999,gid=999,mode=0755,size=1m"]
    user: 999:999
    command: null
    volumes:
      - {type: volume, source: db, target: /var/lib/postgresql/data, volume: {}}
      - {type: volume, source: db-secrets, target: /run/secrets, read_only: true, volume: {}}
  gateway:
    image: gw:1
    restart: unless-stopped
    networks: {edge: {}}
    ports: [{mode: ingress, host_ip: 0.0.0.0, target: 8080, published: "80", protocol: tcp}]
networks:
  data: {name: shop-data, internal: true, ipam: {}}
  edge: {name: shop-edge, ipam: {}}
volumes:
  db: {name: shop-db}
  db-secrets: {name: shop-db-secrets-1, external: true}
`

const app = `
name: shop-blue
services:
  backend:
    image: api:1
    deploy: {replicas: 3, resources: {}, placement: {}}
    restart: unless-stopped
    networks: {data: {}, edge: {aliases: [backend-blue]}}
    stop_grace_period: 30s
  migrate:
    profiles: [migrate]
    image: api:1
    restart: "no"
    networks: {data: null}
networks:
  data: {name: shop-data, external: true}
  edge: {name: shop-edge, external: true}
`

func input() Input {
	return Input{
		Project: "shop", Projects: map[string][]byte{"shop": []byte(resolved), "shop-blue": []byte(app)}, Update: Update{Monitor: "5s"},
		Secrets: map[string][]Secret{"db": {{Name: "shop-db-12", File: "db_password", UID: 999, GID: 999, Mode: 0o400}}},
	}
}

func read(t *testing.T, text []byte) object {
	t.Helper()
	var o object
	require.NoError(t, yaml.Unmarshal(text, &o))
	return o
}

// In golden files, so that a person can read what a change does: -update writes them.
func TestStackIsWhatComposeResolved(t *testing.T) {
	for name, change := range map[string]func(*Input){
		"whole": func(*Input) {},
		"data":  func(in *Input) { in.Only = []string{"db"} },
		"migrate": func(in *Input) {
			in.Only, in.Commands = []string{"migrate"}, map[string][]string{"migrate": {"up", "$x"}}
			delete(in.Projects, "shop")
		},
	} {
		t.Run(name, func(t *testing.T) {
			in := input()
			change(&in)
			got, err := Stack(in)
			require.NoError(t, err)
			testkit.Golden(t, name+".yaml", got)
			again, err := Stack(in)
			require.NoError(t, err)
			assert.Equal(t, string(got), string(again), "the same settings give the same bytes")
		})
	}
}

func TestWhatCannotBeTranslatedIsAnError(t *testing.T) {
	for text, want := range map[string]string{
		"services: {x: {image: a, devices: [/dev/null]}}":                            "devices",
		"services: {x: {image: a, volumes: [{type: bind, source: /a, target: /b}]}}": "one machine",
		"services: {x: {image: a, tmpfs: ['/tmp:size=much']}}":                       "tmpfs",
		"services: {x: {image: a, ports: [{published: 80-90, target: 1}]}}":          "port",
		"services: {x: {image: a, shm_size: many}}":                                  "shm_size",
		"services: [": "shop",
	} {
		_, err := Stack(Input{Project: "shop", Projects: map[string][]byte{"shop": []byte(text)}})
		assert.ErrorContains(t, err, want, text)
	}
}

// A changed setting, image or secret gives other containers; nothing else does.
func TestTheHashTellsReleasesApart(t *testing.T) {
	hash := func(in Input) string {
		text, err := Stack(in)
		require.NoError(t, err)
		h, err := hashes(text)
		require.NoError(t, err)
		return h["db"]
	}
	first := hash(input())
	assert.Len(t, first, 16)
	in := input()
	in.Only = []string{"db"}
	assert.Equal(t, first, hash(in), "deployed alone it is the same")
	in = input()
	in.Secrets["db"][0].Name = "shop-db-13"
	assert.NotEqual(t, first, hash(in))
	in = input()
	in.Projects["shop"] = []byte(resolved[:len(resolved)-1] + "\n# a comment")
	assert.Equal(t, first, hash(in))
}

func TestNothingOfThePlatformIsLost(t *testing.T) {
	got := read(t, mustStack(t))
	db := got["services"].(object)["db"].(object)
	deploy := db["deploy"].(object)
	assert.Equal(t, object{"memory": "536870912", "pids": 512}, deploy["resources"].(object)["limits"])
	assert.Equal(t, "dnsrr", deploy["endpoint_mode"])
	assert.Equal(t, true, db["read_only"])
	assert.Equal(t, []any{"ALL"}, db["cap_drop"])
	assert.Equal(t, "a$$b", db["environment"].(object)["POSTGRES_USER"], "a stack file is interpolated, too")
	assert.NotContains(t, got["volumes"].(object), "db-secrets")
}

func mustStack(t *testing.T) []byte {
	t.Helper()
	text, err := Stack(input())
	require.NoError(t, err)
	return text
}
