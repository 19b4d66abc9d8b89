package gateway

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"drydock/internal/gateway/lint"
	"drydock/internal/gateway/lint/conf"
	"drydock/internal/gateway/render"
	"drydock/internal/gateway/routes"
	"drydock/internal/run"
)

// Routes prints where requests go, in the order in which nginx decides it. ROUTE explains
// one request, a path or a whole address: each decision on the way, with its line.
func (g *Gateway) Routes(context.Context) error {
	cfg, err := g.config()
	if err != nil {
		return err
	}
	json := g.Settings.Options.Format == "json"
	if g.Settings.Options.Route == "" {
		table := routes.Table(cfg)
		if json {
			return writeJSON(g.Out, table)
		}
		return routes.WriteTable(g.Out, table)
	}
	req, err := request(g.Settings.Options.Route, g.Settings.Gateway.Domains)
	if err != nil {
		return run.WithCode(run.CodeBadInput, err)
	}
	if g.Settings.Options.Conf == "" {
		// The pages of the image are there. What is only there at times is explained as absent: the mark of
		// maintenance, and those of a switch that is going on.
		req.Exists = func(path string) bool {
			return path != render.Maintenance && path != "/nonexistent" && !strings.Contains(path, "$")
		}
	}
	e := routes.Explain(cfg, req)
	if json {
		return writeJSON(g.Out, e)
	}
	_, err = fmt.Fprintln(g.Out, e)
	return err
}

// config is the configuration that ROUTE and the table are about: the folder of CONF, or
// the environment's own.
func (g *Gateway) config() (*conf.Config, error) {
	if folder := g.Settings.Options.Conf; folder != "" {
		cfg, err := lint.Load(lint.Input{Root: g.Settings.Path(folder)})
		if err != nil {
			return nil, run.WithCode(run.CodeBadInput, fmt.Errorf("reading CONF=%s: %w", folder, err))
		}
		return cfg, nil
	}
	source, err := Source(g.Settings.Root)
	if err != nil {
		return nil, err
	}
	v, err := Values(g.Settings)
	if err != nil {
		return nil, err
	}
	tree, err := Generation(source, v)
	if err != nil {
		return nil, err
	}
	return lint.Load(lint.Input{Root: ".", FS: tree.FS(), Prefix: current})
}

// request reads ROUTE: /path?query as in a request line, or an address with its host.
func request(route string, domains []string) (routes.Request, error) {
	host := "localhost"
	if len(domains) > 0 {
		host = domains[0]
	}
	if route[0] == '/' {
		return routes.Request{Host: host, URI: route}, nil
	}
	u, err := url.Parse(route)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return routes.Request{}, fmt.Errorf("ROUTE is %q; write a path such as /api/x?y=1, or an address such as https://example.com/x", route)
	}
	return routes.Request{Scheme: u.Scheme, Host: u.Host, URI: u.RequestURI()}, nil
}
