package logical

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"drydock/internal/backup/manifest"
	"drydock/internal/run"
)

// toc is the table of contents of a dump, as pg_restore --list prints it.
type toc struct {
	lines []tocLine
	dir   string // the dump's
}

// tocLine is one entry: "3456; 0 16385 TABLE DATA public orders owner". Names are printed
// as they are, so where one ends cannot be told from the line alone: nothing here splits
// them, lines are only looked up.
type tocLine struct {
	text string
	id   string
	rest string // from the entry's kind on
}

var tocEntry = regexp.MustCompile(`^(\d+); \d+ \d+ (.*)$`)

func readTOC(ctx context.Context, t Tools, dir string) (*toc, error) {
	d := filepath.Join(dir, dumpDir)
	out, err := run.Output(ctx, run.Cmd{Name: "pg_restore", Args: []string{"--list", "--format=directory", d}, Env: Server{}.environ(t)})
	if err != nil {
		return nil, fmt.Errorf("reading the table of contents of the dump: %w", err)
	}
	list := &toc{dir: d}
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, len(out)+1)
	for lines.Scan() {
		if m := tocEntry.FindStringSubmatch(lines.Text()); m != nil {
			list.lines = append(list.lines, tocLine{text: lines.Text(), id: m[1], rest: m[2]})
		}
	}
	return list, nil
}

// isTableData and isBlobs tell entries that have files.
func (l tocLine) isTableData() bool { return strings.HasPrefix(l.rest, "TABLE DATA ") }
func (l tocLine) isBlobs() bool     { return strings.HasPrefix(l.rest, "BLOBS ") }

// tableData is how the entry of a table's rows begins. A line break in a name is printed
// as a blank.
func tableData(schema, table string) string {
	return strings.NewReplacer("\n", " ", "\r", " ").Replace("TABLE DATA " + schema + " " + table + " ")
}

// problems compares the entries, their files and the manifest's tables.
func (t *toc) problems(m *manifest.Manifest) []string {
	var out []string
	tables, files := 0, map[string]bool{"toc.dat": true}
	for _, l := range t.lines {
		switch {
		case l.isTableData():
			tables++
			out = append(out, t.needFile(files, l.id+".dat.zst", l)...)
		case l.isBlobs():
			out = append(out, t.blobs(files, l)...)
		}
	}
	for _, table := range m.Contents.Tables {
		if !t.has(tableData(table.Schema, table.Name)) {
			out = append(out, fmt.Sprintf("the rows of table %s are not in it", table))
		}
	}
	if tables < len(m.Contents.Tables) {
		out = append(out, fmt.Sprintf("it has the rows of %d tables instead of %d", tables, len(m.Contents.Tables)))
	}
	list, err := os.ReadDir(t.dir)
	if err != nil {
		return append(out, err.Error())
	}
	for _, f := range list {
		if !files[f.Name()] {
			out = append(out, fmt.Sprintf("no entry has the file %s", f.Name()))
		}
	}
	return out
}

// blobs checks the files of large objects: a list of lines "OID FILE", and each of them.
func (t *toc) blobs(files map[string]bool, l tocLine) []string {
	name := "blobs_" + l.id + ".toc"
	out := t.needFile(files, name, l)
	if len(out) > 0 {
		return out
	}
	text, err := os.ReadFile(filepath.Join(t.dir, name))
	if err != nil {
		return []string{err.Error()}
	}
	for line := range strings.Lines(string(text)) {
		if _, file, found := strings.Cut(strings.TrimSpace(line), " "); found {
			out = append(out, t.needFile(files, file+".zst", l)...)
		}
	}
	return out
}

func (t *toc) needFile(files map[string]bool, name string, l tocLine) []string {
	files[name] = true
	_, err := os.Lstat(filepath.Join(t.dir, filepath.Base(name)))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return []string{fmt.Sprintf("the file %s of %q is missing", name, l.rest)}
	case err != nil:
		return []string{err.Error()}
	}
	return nil
}

func (t *toc) has(prefix string) bool {
	for _, l := range t.lines {
		if strings.HasPrefix(l.rest, prefix) {
			return true
		}
	}
	return false
}
