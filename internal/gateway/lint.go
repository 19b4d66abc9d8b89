package gateway

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"testing/fstest"

	"drydock/internal/env"
	"drydock/internal/gateway/lint"
	"drydock/internal/run"
)

// nginxVersion is what our own image has (Debian forky); one that the user gives may have
// another.
const nginxVersion = "1.30.6"

// Finding is what the linter found, and in the configurations of which environments.
type Finding struct {
	lint.Finding
	Envs []string `json:"envs,omitempty"`
}

// Lint reports by rule what is valid and wrong all the same: in the configuration of
// every environment together with its compose project, or in any nginx folder that CONF
// names. An error among the findings is an error with run.CodeBadInput.
func (g *Gateway) Lint(ctx context.Context) error {
	found, err := g.findings(ctx)
	if err != nil {
		return err
	}
	var plain []lint.Finding
	for _, f := range found {
		plain = append(plain, f.Finding)
	}
	errs := lint.Errors(plain)
	if g.Settings.Options.Format == "json" {
		if found == nil {
			found = []Finding{}
		}
		if err := writeJSON(g.Out, found); err != nil {
			return err
		}
	} else if err := g.writeFindings(found, errs); err != nil {
		return err
	}
	if errs > 0 {
		return run.WithCode(run.CodeBadInput, fmt.Errorf("the linter found %d errors in the gateway's configuration", errs))
	}
	return nil
}

func (g *Gateway) writeFindings(found []Finding, errs int) error {
	for _, f := range found {
		where := ""
		if len(f.Envs) > 0 {
			where = "in " + strings.Join(f.Envs, ", ") + ": "
		}
		if _, err := fmt.Fprintf(g.Out, "%s%s\n", where, f.Finding); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(g.Out, "%d rules, %d errors, %d warnings\n", len(lint.Rules()), errs, len(found)-errs)
	return err
}

func (g *Gateway) findings(ctx context.Context) ([]Finding, error) {
	if folder := g.Settings.Options.Conf; folder != "" {
		list, err := lint.Run(lint.Input{Root: g.Settings.Path(folder)})
		if err != nil {
			return nil, run.WithCode(run.CodeBadInput, fmt.Errorf("linting CONF=%s: %w", folder, err))
		}
		var out []Finding
		for _, f := range list {
			out = append(out, Finding{Finding: f})
		}
		return out, nil
	}
	source, err := Source(g.Settings.Root)
	if err != nil {
		return nil, err
	}
	var out []Finding
	err = g.eachEnv(func(s *env.Settings) error {
		list, err := g.lint(ctx, source, s)
		for _, f := range list {
			f.File = Name(f.File)
			i := slices.IndexFunc(out, func(o Finding) bool { return o.Finding == f })
			if i < 0 {
				out, i = append(out, Finding{Finding: f}), len(out)
			}
			out[i].Envs = append(out[i].Envs, s.Env)
		}
		return err
	})
	return out, err
}

// lint looks at the configuration of one environment.
func (g *Gateway) lint(ctx context.Context, source Tree, s *env.Settings) ([]lint.Finding, error) {
	v, err := Values(s)
	if err != nil {
		return nil, err
	}
	tree, err := Generation(source, v)
	if err != nil {
		return nil, err
	}
	stack, err := g.stack(ctx, s, v)
	if err != nil {
		return nil, err
	}
	in := lint.Input{Root: ".", FS: tree.FS(), Prefix: current, Stack: stack}
	if s.Build.NginxImage == "" && s.Gateway.Image == "" {
		in.Version = nginxVersion
	}
	return lint.Run(in)
}

// eachEnv calls fn with the settings of every environment.
func (g *Gateway) eachEnv(fn func(*env.Settings) error) error {
	names, err := env.Environments(g.Settings.Root)
	if err != nil {
		return err
	}
	for _, name := range names {
		s := g.Settings
		if name != s.Env {
			src := g.Source
			src.Env, src.ReadOnly, src.Secretless = name, true, true
			if s, err = env.Load(src); err != nil {
				return err
			}
		}
		if err := fn(s); err != nil {
			return fmt.Errorf("looking at the gateway of %s: %w", name, err)
		}
	}
	return nil
}

// FS is the tree as a file system.
func (t Tree) FS() fs.FS {
	m := fstest.MapFS{}
	for name, content := range t {
		m[path.Clean(name)] = &fstest.MapFile{Data: content, Mode: 0o644}
	}
	return m
}
