package training

import (
	"context"
	"fmt"

	"drydock/internal/backup/store"
)

// flip damages one byte of one file of a dump.
const flip = `f=$(ls /var/lib/backup/backups/%s/files/dump/*.dat.zst | head -n 1) && chmod u+w "$f" && printf X | dd of="$f" bs=1 seek=8 conv=notrunc status=none`

func backupDamaged() Exercise {
	return Exercise{
		Name:    "backup-damaged",
		Story:   "A colleague says: the disk under the backups had errors tonight. Is what we have still good? I want to have no backup in the list that we cannot restore, and one that we can.",
		Hint:    "A list shows what was written down when a backup was made. Which target reads the files again? And what may be removed, and in which order?",
		prepare: func(ctx context.Context, s *scene) error { return s.dump(ctx) },
		harm: func(ctx context.Context, s *scene) error {
			_, err := s.Shell(ctx, "backup", fmt.Sprintf(flip, s.Dump))
			return err
		},
		check: func(ctx context.Context, s *scene) ([]string, error) {
			list, err := s.dumps(ctx)
			if err != nil {
				return nil, err
			}
			return damageLeft(list, s.Dump), nil
		},
		// It is damaged for good. Only what is known to be so may be removed while it is the
		// newest; that the verification fails is what it is called for.
		undo: func(ctx context.Context, s *scene) error {
			list, err := s.dumps(ctx)
			if err != nil {
				return err
			}
			for _, b := range list {
				if b.ID == s.Dump && b.Good() {
					_, _ = s.Backup(ctx, "verify", b.ID)
				}
			}
			return nil
		},
	}
}

// damageLeft says what is still wrong with a list of dumps.
func damageLeft(list []store.Backup, damaged string) (symptoms []string) {
	newer := false
	for _, b := range list {
		if b.ID == damaged {
			symptoms = append(symptoms, "there is a backup in the list that cannot be restored")
		}
		newer = newer || b.Good() && store.Sequence(b.ID) > store.Sequence(damaged)
	}
	if !newer {
		symptoms = append(symptoms, "there is no dump from after the disk's errors that can be restored")
	}
	return symptoms
}
