package physical

import (
	"errors"
	"fmt"
	"strings"

	"drydock/internal/backup/store"
	"drydock/internal/run"
)

// The kinds of failures that somebody acts upon.
var (
	ErrKey     = errors.New("the key does not open the repository")
	ErrCluster = errors.New("the repository is of another database")
	ErrFull    = errors.New("the repository has no space left")
)

// meaning is what some of pgBackRest's errors mean here, and what to do. The first one that
// is found in the text counts.
var meaning = []struct {
	parts []string // all of them
	kind  error
	fix   string
}{
	{[]string{"No space left on device"}, ErrFull, fullFix},
	{[]string{"CryptoError"}, ErrKey, keyFix},
	{[]string{"cipher header"}, ErrKey, keyFix},
	{[]string{"unable to flush"}, ErrKey, keyFix},
	{[]string{"do not match the database"}, ErrCluster, clusterFix},
	{[]string{"is not the same as the"}, ErrCluster, clusterFix},
	{[]string{"does not match", "system-id"}, ErrCluster, clusterFix},
	{[]string{"unable to load info file", "FormatError"}, ErrKey, keyFix},
	{[]string{"invalid checksum, actual"}, ErrKey, keyFix},
	{[]string{"unable to acquire lock"}, nil, "another backup runs: wait until it is done"},
	{[]string{"unable to find primary cluster"}, nil, "is the database up? `status` says so"},
	{[]string{"archive_mode must be enabled"}, nil, "the database does not archive its log: start it with this version's image, `up` does that"},
	{[]string{"archive_command", "must contain"}, nil, "the database does not archive its log to here: run `up`, or remove an archive_command of your own"},
	{[]string{"unable to get address for"}, nil, "is BACKUP_S3_ENDPOINT right, and can this host look it up?"},
	{[]string{"SignatureDoesNotMatch"}, nil, "is BACKUP_S3_SECRET_KEY the one that belongs to BACKUP_S3_ACCESS_KEY?"},
	{[]string{"InvalidAccessKeyId"}, nil, "the storage does not know BACKUP_S3_ACCESS_KEY"},
	{[]string{"AccessDenied"}, nil, "may the owner of BACKUP_S3_ACCESS_KEY list, read, write and delete in BACKUP_S3_BUCKET?"},
	{[]string{"NoSuchBucket"}, nil, "make the bucket that BACKUP_S3_BUCKET names, or correct it"},
	{[]string{"unable to verify certificate"}, nil, "if the storage's certificate is of an authority of your own, give it in BACKUP_S3_CA"},
}

const (
	// backup:prune is no way out: it removes nothing after a failed run (package retain).
	fullFix = "give the volume more space, or remove a backup that is not needed: `backup:list` shows their sizes, BACKUP=id backup:remove"
	keyFix  = "either BACKUP_KEY is another one than when the repository was made, or BACKUP_ENCRYPT was changed since: put the old value back. " +
		"Without the key nobody can read this repository; to begin a new one: "
	clusterFix = "it holds backups of another database, and is left alone. If that one was replaced on purpose, say so: " +
		"`docker exec CONTAINER backup adopt` in the backup container; what is there stays restorable. Else correct what it is connected to"
)

// explain makes an error of pgBackRest's: what was done, what it said, what to do.
func explain(r Repo, command, said string, err error) error {
	var failed *run.Error
	if !errors.As(err, &failed) {
		return err
	}
	text := complaint(said)
	doing := fmt.Sprintf("pgbackrest %s (repository %s)", command, r.Name)
	for _, m := range meaning {
		found := true
		for _, part := range m.parts {
			found = found && strings.Contains(said, part)
		}
		if !found {
			continue
		}
		if errors.Is(m.kind, ErrKey) {
			return fmt.Errorf("%s: %w: %s%s", doing, m.kind, m.fix, anew(r)) // what it said is the wrong decryption
		}
		if m.kind != nil {
			return fmt.Errorf("%s: %w (%s): %s", doing, m.kind, text, m.fix)
		}
		return fmt.Errorf("%s: %s: %s: %w", doing, text, m.fix, short{err, failed.Code})
	}
	if text == "" {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return fmt.Errorf("%s: %s: %w", doing, text, short{err, failed.Code})
}

// anew is how a repository that nobody can read is replaced by a new one. The two are apart: what
// helps one would take good backups away in the other.
func anew(r Repo) string {
	if r.Name == S3 {
		return "choose another BACKUP_S3_PATH"
	}
	return "remove the volume of the local repository; docs/en/data-recovery.md, \"A key is lost\", has the order"
}

// leastFree is what a repository needs for a backup to be begun, in bytes: the log that is
// written meanwhile goes there, too, and the backup waits until it has.
const leastFree = segmentSize

// outOfSpace says of a backup that failed, or is to begin (nil), whether the disk was too full for
// it. When the log could not be archived for that reason, pgBackRest only knows that it
// waited for it in vain.
func outOfSpace(err error, free int64) error {
	if free >= leastFree || errors.Is(err, ErrFull) {
		return err
	}
	full := fmt.Errorf("%w (%s free): %s", ErrFull, store.Bytes(free), fullFix)
	if err == nil {
		return run.WithCode(run.CodeMissing, fmt.Errorf("beginning a backup: %w", full))
	}
	return fmt.Errorf("%w; %w", err, full)
}

// short is an error whose text has been told already.
type short struct {
	err  error
	code int
}

func (s short) Error() string { return fmt.Sprintf("exit code %d", s.code) }
func (s short) Unwrap() error { return s.err }

// complaint is the first error that pgBackRest told, without its decoration.
func complaint(said string) string {
	lines := strings.Split(said, "\n")
	for i, line := range lines {
		_, text, ok := strings.Cut(line, "ERROR: ")
		if !ok {
			continue
		}
		for _, more := range lines[i+1:] {
			if more == "" || !strings.HasPrefix(more, " ") {
				break
			}
			text += "; " + strings.TrimSpace(more)
		}
		return strings.TrimSpace(text)
	}
	return ""
}
