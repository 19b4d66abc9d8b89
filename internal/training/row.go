package training

import (
	"context"
	"fmt"
)

// Titles of the notes that exercises write. They are long enough not to be anybody's own.
const (
	lostNote  = "Training: opening hours in the holidays"
	lostBody  = "Closed from the 24th to the 26th; else 9 to 17"
	otherNote = "Training: who has the key of the store room"
	laterNote = "Training: written after the dump"
)

const insertNotes = "INSERT INTO notes (title, body) VALUES "

func rowDeleted() Exercise {
	return Exercise{
		Name:  "row-deleted",
		Story: "A user writes: the note \"" + lostNote + "\" is gone, I have deleted the wrong one. Please bring it back, and keep what others have written since.",
		Hint:  "There is a dump from before. Where can it be looked at without touching the live database, and how does one row get from there to here?",
		prepare: func(ctx context.Context, s *scene) error {
			if err := needsNotes(ctx, s); err != nil {
				return err
			}
			if _, err := s.SQL(ctx, fmt.Sprintf(insertNotes+"('%s', '%s'), ('%s', 'Upstairs')", lostNote, lostBody, otherNote)); err != nil {
				return err
			}
			return s.dump(ctx)
		},
		harm: func(ctx context.Context, s *scene) error {
			if _, err := s.SQL(ctx, fmt.Sprintf(insertNotes+"('%s', '')", laterNote)); err != nil {
				return err
			}
			_, err := s.SQL(ctx, fmt.Sprintf("DELETE FROM notes WHERE title = '%s'", lostNote))
			return err
		},
		check: func(ctx context.Context, s *scene) ([]string, error) {
			var symptoms []string
			for _, want := range []struct{ where, none, many string }{
				{fmt.Sprintf("title = '%s' AND body = '%s'", lostNote, lostBody), "the note \"" + lostNote + "\" is still missing, or not as it was", "the note that was deleted is there more than once"},
				{fmt.Sprintf("title = '%s'", otherNote), "a note that nobody had deleted is gone: \"" + otherNote + "\"", "a note is there twice: \"" + otherNote + "\""},
				{fmt.Sprintf("title = '%s'", laterNote), "what others have written since is gone: \"" + laterNote + "\"", "a note is there twice: \"" + laterNote + "\""},
			} {
				n, err := s.count(ctx, "SELECT count(*) FROM notes WHERE "+want.where)
				switch {
				case err != nil:
					return nil, err
				case n == 0:
					symptoms = append(symptoms, want.none)
				case n > 1:
					symptoms = append(symptoms, want.many)
				}
			}
			return symptoms, nil
		},
		undo: removeNotes,
	}
}

// removeNotes takes the exercise's notes away. If the whole table is gone, which no exercise
// asks for, it comes back from the dump first.
func removeNotes(ctx context.Context, s *scene) error {
	if err := needsNotes(ctx, s); err != nil {
		if s.Dump == "" {
			return err
		}
		if _, err := s.Backup(ctx, "restore", "--id="+s.Dump, "--database="+s.settings.Database.Name, "--tables=notes"); err != nil {
			return fmt.Errorf("bringing the table notes back: %w", err)
		}
	}
	_, err := s.SQL(ctx, fmt.Sprintf("DELETE FROM notes WHERE title IN ('%s', '%s', '%s')", lostNote, otherNote, laterNote))
	return err
}
