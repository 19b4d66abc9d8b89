package deploy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"drydock/internal/engine"
	"drydock/internal/lease"
)

// The files in the state volume.
const (
	currentFile  = "current.json"
	releasesFile = "releases.json"
	historyFile  = "history.jsonl"
)

// memory is what the state volume holds.
type memory struct {
	Current  *Journal
	Releases Releases
	History  History
}

func parseJournal(data []byte) (Journal, error) {
	var j Journal
	if err := json.Unmarshal(data, &j); err != nil {
		return Journal{}, fmt.Errorf("reading the journal: %w", err)
	}
	if j.Release.ID == "" || j.To != "blue" && j.To != "green" {
		return Journal{}, errors.New("reading the journal: it names no release or no colour")
	}
	return j, nil
}

// parseMemory reads the files by name. What cannot be read is as if it were not there:
// the truth is elsewhere, and a broken memory must not stop a deploy. It is returned as
// an error to tell.
func parseMemory(files map[string][]byte) (memory, error) {
	var m memory
	var problem error
	if data, ok := files[currentFile]; ok {
		j, err := parseJournal(data)
		if err != nil {
			problem = errors.Join(problem, err)
		} else {
			m.Current = &j
		}
	}
	if data, ok := files[releasesFile]; ok {
		if err := json.Unmarshal(data, &m.Releases); err != nil {
			m.Releases = nil
			problem = errors.Join(problem, fmt.Errorf("reading the releases: %w", err))
		}
	}
	m.History = parseHistory(files[historyFile])
	return m, problem
}

// recall reads the state volume, whether somebody deploys or not. There may be none yet.
func (d *Deployer) recall(ctx context.Context) (memory, error) {
	files, err := d.stateFiles(ctx)
	if err != nil {
		return memory{}, fmt.Errorf("reading what earlier deploys wrote down: %w", err)
	}
	m, problem := parseMemory(files)
	if problem != nil {
		d.say("what earlier deploys wrote down is damaged and is left aside: %v", problem)
	}
	return m, nil
}

func (d *Deployer) stateFiles(ctx context.Context) (map[string][]byte, error) {
	e := d.Stack.Engine
	if _, err := e.Volume(ctx, d.lockName()); errors.Is(err, engine.ErrNotFound) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	image, err := d.anyImage(ctx)
	if err != nil {
		return nil, err
	}
	r, err := e.ReadVolume(ctx, image, d.lockName(), ".")
	if err != nil {
		return nil, err
	}
	list, err := engine.Untar(r)
	if err = errors.Join(err, r.Close()); err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for _, f := range list {
		files[strings.TrimPrefix(f.Name, "./")] = f.Data
	}
	return files, nil
}

var errNoImage = errors.New("the engine has no image of this project")

// anyImage is one that the engine has, to reach into a volume with.
func (d *Deployer) anyImage(ctx context.Context) (string, error) {
	list, err := d.Stack.Engine.Containers(ctx, engine.Filter{Labels: d.projectLabel()})
	if err != nil {
		return "", err
	}
	for _, c := range list {
		if c.ImageID != "" {
			return c.ImageID, nil
		}
	}
	images, err := d.Stack.Engine.Images(ctx, engine.Filter{Names: []string{d.Stack.Settings.Image.Prefix + "/*"}})
	if err != nil {
		return "", err
	}
	if len(images) == 0 {
		return "", fmt.Errorf("reaching into a volume: %w; build them: %s", errNoImage, d.Stack.Command("build"))
	}
	return images[0].ID, nil
}

// writeScript replaces a file by what it reads, whole or not at all: $1 is the file, $2
// its size. A connection that breaks in the middle is a short file, which is dropped.
const writeScript = `cd "$1" && cat >"$2.new" && [ "$(wc -c <"$2.new")" -eq "$3" ] && mv -f "$2.new" "$2"`

// put writes a file of the state volume through the container of the lock, so that only
// who holds the lock can.
func (l *lock) put(ctx context.Context, name string, data []byte) error {
	err := l.d.Stack.Engine.Exec(ctx, l.Container, engine.Command{
		Cmd:     []string{"sh", "-c", writeScript, "sh", lease.StatePath, name, strconv.Itoa(len(data))},
		Streams: engine.Streams{In: strings.NewReader(string(data))},
	})
	if err != nil {
		return fmt.Errorf("writing down %s: %w", name, err)
	}
	return nil
}

// held is what a deploy needs of its lock.
type held interface {
	put(ctx context.Context, name string, data []byte) error
	drop(ctx context.Context, name string) error
	Lost() bool
}

func putJSON(ctx context.Context, l held, name string, v any) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return l.put(ctx, name, data)
}

// drop removes a file of the state volume.
func (l *lock) drop(ctx context.Context, name string) error {
	_, err := l.d.Stack.Engine.ExecOutput(ctx, l.Container, "rm", "-f", lease.StatePath+"/"+name)
	return err
}
