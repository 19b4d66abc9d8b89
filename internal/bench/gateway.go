package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"drydock/internal/engine"
	"drydock/internal/env"
	"drydock/internal/image"
)

// Options are what a run gets.
type Options struct {
	Settings *env.Settings
	Engine   *engine.Client
	Wrk      string // path of wrk
	Err      io.Writer
	Rounds   int           // of each peer
	Each     time.Duration // how long one measurement takes
	Labels   map[string]string
}

const gatewayScene = "requests through the gateway"

// What is compared at the entrance.
const (
	direct     = "backend directly"
	minimal    = "minimal nginx"
	ourGateway = "gateway"
)

// nginxBase is the image with nginx that the gateway stands on.
const nginxBase = "nginx-base"

const (
	threads     = 1 // of wrk: one processor has to be left for what is measured
	connections = 64
	label       = "drydock.bench"
)

// backendConf answers at once from memory: what is measured is the way to it.
const backendConf = `worker_processes 1;
pid /tmp/nginx.pid;
error_log stderr warn;
events { worker_connections 4096; }
http {
    access_log off;
    keepalive_requests 10000000;
    client_body_temp_path /tmp/1; proxy_temp_path /tmp/2; fastcgi_temp_path /tmp/3; uwsgi_temp_path /tmp/4; scgi_temp_path /tmp/5;
    server {
        listen 8080;
        location / {
            default_type application/json;
            return 200 '{"id":1,"title":"a note","body":"neither long nor short","created":"2026-01-01T00:00:00Z","version":1}';
        }
    }
}
`

// minimalConf is what somebody writes by hand who wants a reverse proxy with kept
// connections and nothing else. It logs, as nginx does by default.
const minimalConf = `worker_processes auto;
pid /tmp/nginx.pid;
error_log stderr warn;
events { worker_connections 4096; }
http {
    access_log /dev/stdout combined;
    client_body_temp_path /tmp/1; proxy_temp_path /tmp/2; fastcgi_temp_path /tmp/3; uwsgi_temp_path /tmp/4; scgi_temp_path /tmp/5;
    upstream backend { server backend-blue:8080; keepalive 64; }
    server {
        listen 8080;
        location / {
            proxy_pass http://backend;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
        }
    }
}
`

// Gateway measures requests through the gateway, logging on, against the same backend
// directly and against a minimal configuration in the same image on the same network.
func Gateway(ctx context.Context, o Options) (rows []Row, err error) {
	if !o.Engine.Local() {
		return nil, errors.New("measuring the gateway: the engine is on another machine; unset DOCKER_HOST, the load comes from here")
	}
	sc, err := newScene(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("measuring the gateway: %w", err)
	}
	defer func() { err = errors.Join(err, sc.close()) }()
	peers := []string{direct, minimal, ourGateway}
	urls := map[string]string{}
	for _, p := range []struct {
		name, container string
	}{{direct, sc.backend}, {minimal, sc.minimal}, {ourGateway, sc.gateway}} {
		if urls[p.name], err = sc.url(ctx, p.container); err != nil {
			return nil, err
		}
		if err := answers(ctx, urls[p.name]); err != nil {
			return nil, fmt.Errorf("measuring the gateway: %s: %w", p.name, err)
		}
	}
	rate, p99 := map[string]Sample{}, map[string]Sample{}
	for round := range o.Rounds + 1 { // the first one warms up and does not count
		for _, p := range peers {
			_, _ = fmt.Fprintf(o.Err, "round %d of %d: %s\n", round, o.Rounds, p) // narration
			r, err := wrk(ctx, o.Wrk, urls[p], threads, connections, o.Each)
			if err != nil {
				return nil, err
			}
			if r.Bad > 0 || r.SocketErr > 0 {
				return nil, fmt.Errorf("measuring the gateway: %s gave %d bad answers and %d failed connections; the numbers would mean nothing", p, r.Bad, r.SocketErr)
			}
			if round > 0 {
				rate[p] = append(rate[p], r.Requests)
				p99[p] = append(p99[p], float64(r.P99)/float64(time.Millisecond))
			}
		}
	}
	for _, p := range peers {
		rows = append(rows, row(gatewayScene, p, "requests/s", rate[p], minimal, rate[minimal]))
	}
	for _, p := range peers {
		rows = append(rows, row("latency, 99th percentile", p, "ms", p99[p], minimal, p99[minimal]))
	}
	return rows, nil
}

// scene is the containers of one measurement.
type scene struct {
	o                         Options
	network                   string
	backend, minimal, gateway string
}

func newScene(ctx context.Context, o Options) (sc *scene, err error) {
	list, err := image.Build(ctx, image.BuildOptions{Settings: o.Settings, Engine: o.Engine, Err: o.Err, Names: []string{nginxBase, image.Gateway}, Stage: image.StageProd})
	if err != nil {
		return nil, err
	}
	refs := map[string]string{}
	for _, i := range list {
		refs[i.Name] = i.Ref
	}
	sc = &scene{o: o, network: o.Settings.Project + "-bench"}
	if err := sc.close(); err != nil { // what a run left that was killed
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, sc.close())
		}
	}()
	if _, err := o.Engine.EnsureNetwork(ctx, engine.NetworkSpec{Name: sc.network, Labels: sc.labels()}); err != nil {
		return nil, err
	}
	nginx := func(conf string, aliases ...string) (string, error) {
		return sc.start(ctx, engine.Spec{Image: refs[nginxBase], Attach: []engine.Attach{{Network: sc.network, Aliases: aliases}},
			Env:        []string{"CONF=" + conf},
			Entrypoint: []string{"sh", "-c", `printf %s "$CONF" >/tmp/nginx.conf && exec nginx -e stderr -c /tmp/nginx.conf -g 'daemon off;'`}})
	}
	if sc.backend, err = nginx(backendConf, "backend-blue", "frontend-blue"); err != nil {
		return nil, err
	}
	if sc.minimal, err = nginx(minimalConf); err != nil {
		return nil, err
	}
	sc.gateway, err = sc.start(ctx, engine.Spec{Image: refs[image.Gateway], Attach: []engine.Attach{{Network: sc.network}},
		ReadOnly: true, Tmpfs: map[string]string{"/tmp": "mode=1777"}, CapDrop: []string{"ALL"}, NoNewPrivileges: true})
	return sc, err
}

func (sc *scene) labels() map[string]string {
	l := map[string]string{label: sc.network}
	for k, v := range sc.o.Labels {
		l[k] = v
	}
	return l
}

func (sc *scene) start(ctx context.Context, s engine.Spec) (string, error) {
	s.Labels = sc.labels()
	id, err := sc.o.Engine.Create(ctx, s)
	if err != nil {
		return "", err
	}
	return id, sc.o.Engine.Start(ctx, id)
}

// close removes everything, whatever the context of the run is.
func (sc *scene) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_, err := sc.o.Engine.RemoveByLabel(ctx, map[string]string{label: sc.network}, engine.RemoveOptions{})
	return err
}

func (sc *scene) url(ctx context.Context, id string) (string, error) {
	c, err := sc.o.Engine.Container(ctx, id)
	if err != nil {
		return "", err
	}
	for _, n := range c.Networks {
		if n.IP.IsValid() {
			return "http://" + n.IP.String() + ":8080/api/x", nil
		}
	}
	return "", fmt.Errorf("the container %s has no address", c.Name)
}

// answers waits until the URL answers 200.
func answers(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		resp, err := http.DefaultClient.Do(req)
		if err == nil {
			_ = resp.Body.Close() // the status is all that is wanted
			if resp.StatusCode == http.StatusOK {
				return nil
			}
			err = fmt.Errorf("it answered %s", resp.Status)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w", url, err)
		}
	}
}
