package physical

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Segment is one segment of the log.
type Segment struct {
	Timeline uint32
	Log, Seg uint32    // the second and third eight digits of its name
	Time     time.Time // when it was archived, or last written to
	Size     int64     // in the repository
	Received bool      // it is not in the repository, and a receiver has it (see Archive.With)
	Partial  bool      // the receiver was filling it
}

// Name is PostgreSQL's name of it.
func (s Segment) Name() string { return fmt.Sprintf("%08X%08X%08X", s.Timeline, s.Log, s.Seg) }

// at is the place in the log, which all timelines count alike.
func (s Segment) at() uint64 { return uint64(s.Log)<<32 | uint64(s.Seg) }

// parseSegment reads the first 24 characters of a name.
func parseSegment(name string) (s Segment, ok bool) {
	if len(name) < 24 {
		return s, false
	}
	for i, to := range []*uint32{&s.Timeline, &s.Log, &s.Seg} {
		n, err := strconv.ParseUint(name[8*i:8*i+8], 16, 32)
		if err != nil {
			return s, false
		}
		*to = uint32(n)
	}
	return s, true
}

// follows says whether b is the next place after a. How many segments a log has depends on
// their size (256 of 16 MB): the number is a power of two, and that is all that is asked here.
func follows(a, b uint64) bool {
	if b == a+1 {
		return true
	}
	last := uint32(a) + 1
	return b == (a>>32+1)<<32 && last&(last-1) == 0 && last >= 4
}

// Timeline is a history of the database: 1, and one more after each recovery that ended.
type Timeline struct {
	ID      uint32
	Created time.Time  // when it was archived, i.e. when that recovery ended; zero of the first
	Parents []Ancestor // oldest first

	Received bool // its history is not in the repository, and a receiver has it
}

// Ancestor is a timeline that another one began from.
type Ancestor struct {
	ID     uint32
	Switch uint64 // the place where it was left
}

// Archive is the log that a repository has of one database.
type Archive struct {
	Segments  map[string]Segment // by name
	Timelines []Timeline         // by id
}

var (
	archived = regexp.MustCompile(`^(?:[0-9A-F]{16}/)?([0-9A-F]{24})-[0-9a-f]{40}(?:\.[a-z0-9]+)?$`)
	history  = regexp.MustCompile(`^([0-9A-F]{8})\.history$`)
)

// Archive lists the log of one database.
func (r Repo) Archive(ctx context.Context, c Cluster) (Archive, error) {
	dir := fmt.Sprintf("archive/%s/%s-%d", stanza, c.Version, c.ID)
	out, err := r.call(ctx, "repo-ls", "--output=json", "--recurse", dir)
	if err != nil {
		return Archive{}, err
	}
	var files map[string]struct {
		Type string
		Size int64
		Time int64
	}
	if err := json.Unmarshal(out, &files); err != nil {
		return Archive{}, fmt.Errorf("reading the list of archived log of repository %s: %w", r.Name, err)
	}
	a := Archive{Segments: map[string]Segment{}, Timelines: []Timeline{{ID: 1}}}
	for name, f := range files {
		if m := archived.FindStringSubmatch(name); m != nil {
			s, _ := parseSegment(m[1])
			s.Time, s.Size = r.written(filepath.Join(dir, name), f.Time), f.Size
			a.Segments[m[1]] = s
		}
		if m := history.FindStringSubmatch(name); m != nil {
			text, err := r.call(ctx, "repo-get", dir+"/"+name)
			if err != nil {
				return Archive{}, err
			}
			t, err := parseHistory(m[1], string(text))
			if err != nil {
				return Archive{}, err
			}
			t.Created = time.Unix(f.Time, 0).UTC()
			a.Timelines = append(a.Timelines, t)
		}
	}
	slices.SortFunc(a.Timelines, func(x, y Timeline) int { return cmp.Compare(x.ID, y.ID) })
	return a, nil
}

// written is when a file of the repository was, which pgBackRest tells to the second: what was
// archived at the end of one would seem not to reach to a time within it. S3 knows no more.
func (r Repo) written(name string, seconds int64) time.Time {
	told := time.Unix(seconds, 0).UTC()
	if r.Name != Local {
		return told
	}
	info, err := os.Stat(filepath.Join(RepoDir, name))
	if err != nil || info.ModTime().Unix() != seconds {
		return told // removed or made anew meanwhile
	}
	return info.ModTime().UTC()
}

// segmentSize is how PostgreSQL's default divides the log; a place in a history is given in bytes.
const segmentSize = 16 << 20

// parseHistory reads a timeline history file: parent, place, reason, separated by tabs.
func parseHistory(id, text string) (Timeline, error) {
	n, err := strconv.ParseUint(id, 16, 32)
	if err != nil {
		return Timeline{}, fmt.Errorf("reading the history of timeline %s: %w", id, err)
	}
	t := Timeline{ID: uint32(n)}
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		var high, low uint64
		parent, err := strconv.ParseUint(words[0], 10, 32)
		if err == nil && len(words) > 1 {
			_, err = fmt.Sscanf(words[1], "%X/%X", &high, &low)
		}
		if err != nil || len(words) < 2 {
			return Timeline{}, fmt.Errorf("reading the history of timeline %s: the line %q has no place", id, strings.TrimSpace(line))
		}
		t.Parents = append(t.Parents, Ancestor{ID: uint32(parent), Switch: high<<32 | low/segmentSize})
	}
	return t, nil
}
