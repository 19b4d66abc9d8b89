package logical

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/sync/errgroup"

	"drydock/internal/backup/manifest"
)

// countRows unpacks the file of each table and compares the number of its rows with the
// manifest's.
func (t *toc) countRows(ctx context.Context, m *manifest.Manifest, jobs int) ([]string, error) {
	var mu sync.Mutex
	var problems []string
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(jobs)
	for _, table := range m.Contents.Tables {
		ids := t.dataOf(table)
		if len(ids) != 1 {
			continue // two names that print alike; a restore tells them apart
		}
		g.Go(func() error {
			rows, err := countFile(ctx, filepath.Join(t.dir, ids[0]+".dat.zst"))
			mu.Lock()
			defer mu.Unlock()
			switch {
			case context.Cause(ctx) != nil:
				return context.Cause(ctx)
			case err != nil:
				problems = append(problems, fmt.Sprintf("the rows of table %s cannot be unpacked: %v", table, err))
			case rows != table.Rows:
				problems = append(problems, fmt.Sprintf("the file of table %s has %d rows instead of %d", table, rows, table.Rows))
			}
			return nil
		})
	}
	err := g.Wait()
	return problems, err
}

// dataOf returns the entries that may be those of a table's rows.
func (t *toc) dataOf(table manifest.Table) []string {
	var ids []string
	prefix := tableData(table.Schema, table.Name)
	for _, l := range t.lines {
		if strings.HasPrefix(l.rest, prefix) {
			ids = append(ids, l.id)
		}
	}
	return ids
}

// countFile counts the rows of a file in COPY's text format: a line each, since breaks
// within values are escaped, until the line \. ends it.
func countFile(ctx context.Context, path string) (int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	z, err := zstd.NewReader(contextReader{ctx, f}, zstd.WithDecoderConcurrency(1))
	if err != nil {
		return 0, err
	}
	defer z.Close()
	var rows int64
	var last []byte // the end of what was read
	buf := make([]byte, 256<<10)
	for {
		n, err := z.Read(buf)
		rows += int64(bytes.Count(buf[:n], []byte{'\n'}))
		last = append(last, buf[:n]...)
		last = last[max(0, len(last)-len(copyEnd)-1):]
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return 0, err
		}
	}
	if string(last) != "\n"+copyEnd && string(last) != copyEnd {
		return 0, fmt.Errorf("it does not end like the output of COPY")
	}
	return rows - int64(strings.Count(copyEnd, "\n")), nil
}

// copyEnd is what pg_dump writes after the last row.
const copyEnd = "\\.\n\n\n"
