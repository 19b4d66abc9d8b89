package manual

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"drydock/internal/testkit"
)

// exposed are the metrics that the programs of the stack register, with their labels, as their
// source says: prometheus.NewDesc and its short forms, the Opts of a metric, and the backend's
// Gauge and Counter.
func exposed(t *testing.T) map[string][]string {
	t.Helper()
	root, all := testkit.Root(t), map[string][]string{}
	for _, dir := range []string{"internal/backup", "internal/gateway/supervisor", "apps/backend"} {
		err := filepath.WalkDir(filepath.Join(root, dir), func(path string, e fs.DirEntry, err error) error {
			if err == nil && e.IsDir() {
				metricsOf(t, path, all)
			}
			return err
		})
		require.NoError(t, err)
	}
	return all
}

func metricsOf(t *testing.T, dir string, all map[string][]string) {
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	require.NoError(t, err)
	var parsed []*ast.File
	for _, path := range files {
		if !strings.HasSuffix(path, "_test.go") {
			f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
			require.NoError(t, err)
			parsed = append(parsed, f)
		}
	}
	prefixes := map[string]string{} // of a short form of NewDesc, by its name
	for _, f := range parsed {
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			ast.Inspect(fn, func(n ast.Node) bool {
				if call, ok := n.(*ast.CallExpr); ok && called(call) == "NewDesc" {
					if sum, ok := call.Args[0].(*ast.BinaryExpr); ok {
						prefixes[fn.Name.Name] = str(sum.X)
					}
				}
				return true
			})
		}
	}
	for _, f := range parsed {
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				name := called(n)
				prefix, short := prefixes[name]
				switch {
				case short:
					all[prefix+str(n.Args[0])] = strs(n.Args[2:])
				case name == "NewDesc" && str(n.Args[0]) != "":
					all[str(n.Args[0])] = strs(n.Args[2:])
				case (name == "Gauge" || name == "Counter") && len(n.Args) == 3:
					all[str(n.Args[0])] = nil
				case strings.HasPrefix(name, "New") && len(n.Args) > 0:
					if opts, ok := n.Args[0].(*ast.CompositeLit); ok {
						if metric := field(opts, "Name"); metric != "" {
							all[metric] = strs(n.Args[1:])
						}
					}
				}
			}
			return true
		})
	}
}

func called(c *ast.CallExpr) string {
	switch f := c.Fun.(type) {
	case *ast.SelectorExpr:
		return f.Sel.Name
	case *ast.Ident:
		return f.Name
	}
	return ""
}

func str(e ast.Expr) string {
	if lit, ok := e.(*ast.BasicLit); ok && lit.Kind == token.STRING {
		if s, err := strconv.Unquote(lit.Value); err == nil {
			return s
		}
	}
	return ""
}

// texts are the strings among arguments, also of a slice of them.
func strs(args []ast.Expr) (list []string) {
	for _, a := range args {
		if c, ok := a.(*ast.CompositeLit); ok {
			list = append(list, strs(c.Elts)...)
		} else if s := str(a); s != "" {
			list = append(list, s)
		}
	}
	return list
}

func field(c *ast.CompositeLit, name string) string {
	for _, e := range c.Elts {
		if kv, ok := e.(*ast.KeyValueExpr); ok {
			if id, ok := kv.Key.(*ast.Ident); ok && id.Name == name {
				return str(kv.Value)
			}
		}
	}
	return ""
}

type alertRule struct {
	Alert       string            `yaml:"alert"`
	Expr        string            `yaml:"expr"`
	Labels      map[string]string `yaml:"labels"`
	Annotations map[string]string `yaml:"annotations"`
}

func alertRules(t *testing.T) (list []alertRule) {
	t.Helper()
	file, err := os.ReadFile(filepath.Join(testkit.Root(t), "scripts", "prometheus", "alerts.yml"))
	require.NoError(t, err)
	var rules struct {
		Groups []struct {
			Rules []alertRule `yaml:"rules"`
		} `yaml:"groups"`
	}
	require.NoError(t, yaml.Unmarshal(file, &rules))
	for _, g := range rules.Groups {
		list = append(list, g.Rules...)
	}
	require.NotEmpty(t, list)
	return list
}

var (
	inQuotes  = regexp.MustCompile(`"[^"]*"`)
	ranges    = regexp.MustCompile(`\[[^\]]*\]`)
	matchers  = regexp.MustCompile(`([A-Za-z_][A-Za-z0-9_]*)\{([^}]*)\}`)
	grouping  = regexp.MustCompile(`\b(?:by|without|on|ignoring)\s*\(([^)]*)\)`)
	word      = regexp.MustCompile(`[A-Za-z_][A-Za-z0-9_]*(\s*\()?`)
	operators = []string{"and", "or", "unless", "bool", "by", "without", "on", "ignoring", "sum", "max", "min", "avg", "count"}
)

// askedFor are the metrics of an expression, with the labels that are asked for of each. It is
// no parser of PromQL: it knows what these rules have.
func askedFor(expr string) map[string][]string {
	expr = ranges.ReplaceAllString(inQuotes.ReplaceAllString(expr, `""`), "")
	asked := map[string][]string{}
	var groups []string
	for _, m := range grouping.FindAllStringSubmatch(expr, -1) {
		for name := range strings.SplitSeq(m[1], ",") {
			groups = append(groups, strings.TrimSpace(name))
		}
	}
	expr = grouping.ReplaceAllString(expr, " ")
	for _, m := range matchers.FindAllStringSubmatch(expr, -1) {
		for one := range strings.SplitSeq(m[2], ",") {
			name, _, _ := strings.Cut(one, "=")
			asked[m[1]] = append(asked[m[1]], strings.Trim(name, " !"))
		}
	}
	expr = matchers.ReplaceAllString(expr, "$1")
	for _, name := range word.FindAllString(expr, -1) {
		if !strings.HasSuffix(name, "(") && !slices.Contains(operators, name) {
			asked[name] = append(asked[name], groups...)
		}
	}
	return asked
}

func TestAskedFor(t *testing.T) {
	assert.Equal(t, map[string][]string{"a_total": {"class", "x", "le", "route"}, "b": {"le", "route"}},
		askedFor(`histogram_quantile(0.9, sum by (le, route) (rate(a_total{class!="5xx",x=~"c{d"}[5m]))) and b * 2 ^ 3 > 1000`+"\n"))
}

// The rules ask for what there is, and lead to a chapter of the runbook.
func TestAlertingRulesFitTheMetrics(t *testing.T) {
	metrics := exposed(t)
	require.Greater(t, len(metrics), 40)
	for _, r := range alertRules(t) {
		asked := askedFor(r.Expr)
		require.NotEmpty(t, asked, r.Alert)
		for name, labels := range asked {
			known, ok := metrics[name]
			if base, histogram := strings.CutSuffix(name, "_bucket"); !ok && histogram {
				known, ok = metrics[base]
				known = append(slices.Clone(known), "le")
			}
			if assert.True(t, ok, "%s asks for %s, which nothing exposes", r.Alert, name) {
				assert.Subset(t, append(slices.Clone(known), "instance"), labels, "%s: labels of %s", r.Alert, name)
			}
		}
		assert.Contains(t, []string{"page", "ticket"}, r.Labels["severity"], r.Alert)
		assert.NotEmpty(t, r.Annotations["summary"], r.Alert)
		page, anchor, _ := strings.Cut(r.Annotations["runbook"], "#")
		assert.Equal(t, "docs/en/runbook.md", page, r.Alert)
		m, err := Read(filepath.Join(testkit.Root(t), page))
		require.NoError(t, err)
		assert.True(t, slices.ContainsFunc(m.Headings, func(h Heading) bool { return h.Anchor == anchor }), "%s leads to %s, which the runbook lacks", r.Alert, anchor)
	}
}
