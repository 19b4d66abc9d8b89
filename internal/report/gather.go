package report

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"drydock/internal/backup/remote"
	"drydock/internal/deploy"
	"drydock/internal/disk"
	"drydock/internal/engine"
	"drydock/internal/stack"
)

// Gatherer collects a report from one environment. It changes nothing.
type Gatherer struct {
	Stack *stack.Stack
}

// Gather asks for every part at once. Only a canceled context is an error: a part that
// cannot be told is in Missing.
func (g Gatherer) Gather(ctx context.Context) (Report, error) {
	s := g.Stack.Settings
	r := Report{Project: s.Project, Env: s.Env, Mode: string(s.Mode), DrillAge: s.Alarms.DrillAge, Made: time.Now().UTC(), Services: []stack.Status{}, Backups: []Backup{},
		Expected: []Expected{}, History: deploy.History{}, Missing: map[string]string{}}
	var mu sync.Mutex
	var wait sync.WaitGroup
	var space []disk.Filesystem // as the backup service sees it, on whatever machine that is
	part := func(name string, fn func(context.Context) (put func(), err error)) {
		wait.Go(func() {
			put, err := fn(ctx)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				r.Missing[name] = err.Error()
				return
			}
			put()
		})
	}
	part("services", func(ctx context.Context) (func(), error) {
		st, err := g.Stack.Status(ctx)
		return func() { r.Services, r.URL = st.Services, st.URL }, err
	})
	part("releases", func(ctx context.Context) (func(), error) {
		d, err := (&deploy.Deployer{Stack: g.Stack}).Status(ctx)
		return func() { r.Deploy = &d }, err
	})
	part("deploys", func(ctx context.Context) (func(), error) {
		h, err := g.history(ctx)
		return func() { r.History = h }, err
	})
	part("backups", func(ctx context.Context) (func(), error) {
		b, err := g.backups(ctx)
		if err != nil {
			return nil, err
		}
		want, err := g.expected(ctx, r.Made)
		return func() {
			r.Backups, r.Failures, r.Windows, r.Expected = b.Backups, b.Failures, b.windows(), want
			space = b.Space
		}, err
	})
	part("drills", func(ctx context.Context) (func(), error) {
		text, err := g.remote(nil).Drills(ctx)
		if err != nil {
			return nil, err
		}
		err = decode("the drills", text, &r.Drills)
		return func() {}, err
	})
	part("certificate", func(ctx context.Context) (func(), error) {
		c, err := g.Certificate(ctx)
		return func() { r.Certificate = c }, err
	})
	part("disk", func(ctx context.Context) (func(), error) {
		d, err := g.disk(ctx)
		return func() { r.Disk = &d }, err
	})
	part("images", func(ctx context.Context) (func(), error) {
		list, err := g.images(ctx)
		return func() { r.Images = list }, err
	})
	wait.Wait()
	if len(space) == 0 {
		space = g.ownSpace(ctx)
	}
	if r.Disk != nil {
		r.Disk.Space = disk.Together(space)
	}
	return r, ctx.Err()
}

func (g Gatherer) remote(out io.Writer) *remote.Remote {
	settings := *g.Stack.Settings
	settings.Options.Format = "json"
	return &remote.Remote{Settings: &settings, Engine: g.Stack.Engine, Out: out, Err: io.Discard}
}

// history is what deploy:history says.
func (g Gatherer) history(ctx context.Context) (deploy.History, error) {
	var out bytes.Buffer
	settings := *g.Stack.Settings
	settings.Options.Format = "json"
	st := *g.Stack
	st.Settings, st.Out = &settings, &out
	if err := (&deploy.Deployer{Stack: &st}).ShowHistory(ctx); err != nil {
		return nil, err
	}
	var h deploy.History
	return h, decode("the history of deploys", out.Bytes(), &h)
}

// listed is what is read of backup:list.
type listed struct {
	Backups  []Backup          `json:"backups"`
	Failures []Failure         `json:"failures"`
	Windows  map[string]Window `json:"windows"`
	Space    []disk.Filesystem `json:"space"`
}

// windows is those by backup as a list, the earliest first.
func (l listed) windows() []Window {
	list := []Window{}
	for id, w := range l.Windows {
		if w.Until.After(w.From) || w.Gap != "" {
			w.Backup = id
			list = append(list, w)
		}
	}
	slices.SortFunc(list, func(a, b Window) int { return cmp.Or(a.From.Compare(b.From), cmp.Compare(a.Backup, b.Backup)) })
	return list
}

func (g Gatherer) backups(ctx context.Context) (l listed, err error) {
	var out bytes.Buffer
	if err := g.remote(&out).List(ctx); err != nil {
		return l, err
	}
	return l, decode("the list of backups", out.Bytes(), &l)
}

// expected are the backups that there have to be. The environment is as old as its volume of
// backups.
func (g Gatherer) expected(ctx context.Context, now time.Time) ([]Expected, error) {
	v, err := g.Stack.Engine.Volume(ctx, g.Stack.Settings.Project+"-backup")
	if errors.Is(err, engine.ErrNotFound) { // on another node of a swarm
		v.Created, err = now, nil
	}
	if err != nil {
		return nil, err
	}
	return expected(g.Stack.Settings, v.Created, now)
}

// Certificate asks the gateway's own program.
func (g Gatherer) Certificate(ctx context.Context) (*Certificate, error) {
	list, err := g.Stack.Engine.Containers(ctx, engine.OfService(g.Stack.Settings.Project, "gateway", engine.Running))
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, errors.New("the gateway does not run")
	}
	text, err := g.Stack.Engine.ExecOutput(ctx, list[0].ID, "gateway", "state", "--json")
	if err != nil {
		return nil, err
	}
	var state struct {
		Certificate struct {
			TLS     string     `json:"tls"`
			Expires *time.Time `json:"expires"`
			Error   string     `json:"error"`
			Renewal *Renewal   `json:"renewal"`
		} `json:"certificate"`
	}
	if err := decode("the gateway's state", []byte(text), &state); err != nil {
		return nil, err
	}
	c := state.Certificate
	return &Certificate{Source: cmp.Or(c.TLS, "off"), Expires: c.Expires, Error: c.Error, Renewal: c.Renewal}, nil
}

func (g Gatherer) disk(ctx context.Context) (Disk, error) {
	use, err := g.Stack.Engine.DiskUsage(ctx)
	if err != nil {
		return Disk{}, err
	}
	own, err := g.Stack.Engine.Volumes(ctx, engine.Filter{Labels: map[string]string{stack.LabelProject: g.Stack.Settings.Project}})
	if err != nil {
		return Disk{}, err
	}
	d := Disk{Layers: use.Layers, Containers: use.Containers, BuildCache: use.BuildCache, Volumes: []Volume{}, Space: []disk.Disk{}, Limit: g.Stack.Settings.Alarms.Disk}
	for _, v := range own {
		size, ok := use.Volumes[v.Name]
		if !ok {
			size = -1
		}
		d.Volumes = append(d.Volumes, Volume{v.Name, size})
	}
	slices.SortStableFunc(d.Volumes, func(a, b Volume) int { return cmp.Compare(b.Size, a.Size) })
	return d, nil
}

func (g Gatherer) images(ctx context.Context) ([]Image, error) {
	containers, err := g.Stack.Engine.Containers(ctx, engine.Filter{Labels: map[string]string{stack.LabelProject: g.Stack.Settings.Project}})
	if err != nil {
		return nil, err
	}
	byID := map[string]*Image{}
	list := []Image{}
	for _, c := range containers {
		if i := byID[c.ImageID]; i != nil {
			i.Used++
			continue
		}
		img, err := g.Stack.Engine.Image(ctx, c.ImageID)
		if errors.Is(err, engine.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		byID[c.ImageID] = &Image{Name: c.Image, ID: img.ID, Size: img.Size, Created: img.Created, Used: 1}
	}
	for _, i := range byID {
		list = append(list, *i)
	}
	slices.SortFunc(list, func(a, b Image) int { return cmp.Or(cmp.Compare(b.Size, a.Size), strings.Compare(a.Name, b.Name)) })
	return list, nil
}

func decode(what string, text []byte, into any) error {
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("reading %s: %w", what, err)
	}
	return nil
}
