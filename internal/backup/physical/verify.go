package physical

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
)

// Damage is what Verify found.
type Damage struct {
	Label  string // the backup; "" is the log, or what is about all of them
	Reason string
}

// Verify reads the whole repository again: every file of every backup, and every segment of
// the log, against the checksums that were taken when they were made. What is in the list of
// backups without a folder is damaged, too (pgbackrest 2723: its own check, before 2.59, says
// nothing of that). info is what the repository has said just now.
func (r Repo) Verify(ctx context.Context, info Info) ([]Damage, error) {
	if !info.Exists {
		return nil, nil
	}
	out, err := r.call(ctx, "verify", "--output=text", "--verbose")
	if err != nil {
		return nil, err
	}
	found := parseVerify(string(out))
	dirs, err := r.call(ctx, "repo-ls", "--output=json", "backup/"+stanza)
	if err != nil {
		return nil, err
	}
	var names map[string]any
	if err := json.Unmarshal(dirs, &names); err != nil {
		return nil, fmt.Errorf("pgbackrest repo-ls (repository %s): its answer cannot be read: %w", r.Name, err)
	}
	for _, b := range info.Backups {
		switch {
		case names[b.Label] == nil:
			found = append(found, Damage{b.Label, "its folder is gone from the repository"})
		case b.Pages:
			found = append(found, Damage{b.Label, "pages of the database had wrong checksums when it was made: the database itself is damaged"})
		}
	}
	more, err := r.verifyTwins(ctx, info)
	return append(found, more...), err
}

// verifyTwins compares the files that pgBackRest keeps twice. It takes the second one without
// a word when the first one is damaged, and its verify command does not look at both: a disk
// that loses files would be heard of when the second one is gone, too. It is damage of the
// repository: the backup can still be restored.
func (r Repo) verifyTwins(ctx context.Context, info Info) ([]Damage, error) {
	files := []string{"archive/" + stanza + "/archive.info", "backup/" + stanza + "/backup.info"}
	for _, b := range info.Backups {
		files = append(files, "backup/"+stanza+"/"+b.Label+"/backup.manifest")
	}
	var found []Damage
	for _, file := range files {
		first, errFirst := r.call(ctx, "repo-get", file)
		second, errSecond := r.call(ctx, "repo-get", file+".copy")
		switch {
		case errFirst != nil && errSecond != nil:
			return found, errFirst // the way to the repository, rather than one file
		case errFirst != nil:
			found = append(found, Damage{Reason: file + " cannot be read; its copy can"})
		case errSecond != nil:
			found = append(found, Damage{Reason: file + ".copy cannot be read; what it is a copy of can"})
		case !bytes.Equal(first, second):
			found = append(found, Damage{Reason: file + " is not what its copy is: one of them is damaged"})
		}
	}
	return found, nil
}

// Holes are what the log lacks: pgBackRest's own check reads what is there, and misses nothing.
// They are the backups that lack the log that makes them consistent, and the hole after the
// newest one, behind which no time can be restored to. Behind older ones it is history: they
// are there for what is before it. The archives are by the number of their cluster.
func Holes(backups []Backup, archives map[int]Archive) (found []Damage) {
	var newest Backup
	for _, b := range backups {
		if !archives[b.Cluster].Window(b).Whole {
			found = append(found, Damage{Reason: "the log that makes backup " + b.Label + " consistent is missing"})
		}
		if b.Stop.After(newest.Stop) {
			newest = b
		}
	}
	if gap := archives[newest.Cluster].Window(newest).Gap; gap != "" {
		found = append(found, Damage{Reason: "the log after backup " + newest.Label + " lacks " + gap + ", and goes on after it"})
	}
	return found
}

// parseVerify reads pgBackRest's report.
func parseVerify(text string) (found []Damage) {
	at := ""     // the backup that lines with more detail are about
	bad := false // it has problems
	wal := false // the lines are about the log
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "archiveId:"):
			wal, bad = true, false
		case strings.HasPrefix(line, "backup: "):
			wal = false
			label, rest, _ := strings.Cut(strings.TrimPrefix(line, "backup: "), ",")
			status, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(rest), "status: "), ",")
			at, bad = label, status != "valid"
			if bad {
				found = append(found, Damage{at, "pgbackrest verify: " + status})
			}
		case bad || wal:
			counts := problems(line)
			switch {
			case counts == "":
			case wal:
				found = append(found, Damage{"", "pgbackrest verify: archived log, " + counts})
			default:
				found[len(found)-1].Reason += ", " + counts
			}
		}
	}
	return found
}

// problems are the counts of a line that are not 0: "missing: 0, checksum invalid: 1, ...".
func problems(line string) string {
	var list []string
	for one := range strings.SplitSeq(line, ", ") {
		what, count, ok := strings.Cut(one, ": ")
		if ok && count != "0" && counted(what) {
			list = append(list, one)
		}
	}
	return strings.Join(list, ", ")
}

func counted(what string) bool {
	switch what {
	case "missing", "checksum invalid", "size invalid", "other":
		return true
	}
	return false
}
