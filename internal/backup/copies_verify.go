package backup

import (
	"cmp"
	"context"
	"strings"

	"drydock/internal/backup/physical"
)

// verifyCopies reads the repositories again, marks what is damaged, and names it.
func (s *Service) verifyCopies(ctx context.Context, id string) (bad []string, err error) {
	list, err := s.Store.List()
	if err != nil {
		return nil, err
	}
	for _, r := range s.Config.Physical.Repos {
		if id != "" {
			b, err := s.Store.Get(id)
			if err != nil || b.Repository != r.Name {
				continue
			}
		}
		info, err := r.Info(ctx)
		if err != nil {
			return bad, err
		}
		found, err := r.Verify(ctx, info)
		if err != nil {
			return bad, err
		}
		for _, b := range notIn(list, r.Name, info) {
			c, _ := detailsOf(b) // it has some
			found = append(found, physical.Damage{Label: c.Label, Reason: notThere})
		}
		archives, err := s.archives(ctx, r, info, info.Backups)
		if err != nil {
			return bad, err
		}
		// No mark on a backup: the received log may stand in for what is missing one day.
		found = append(found, physical.Holes(info.Backups, archives)...)
		for _, d := range found {
			s.Log.Error("damage", "repository", r.Name, "label", d.Label, "what", d.Reason)
			marked := idOf(list, r.Name, d.Label)
			bad = append(bad, cmp.Or(marked, strings.TrimSpace(d.Label+" in repository "+r.Name)))
			if d.Label != "" && marked != "" {
				if err := s.Store.MarkDamaged(ctx, marked, "verify", d.Reason); err != nil {
					return bad, err
				}
			}
		}
	}
	return bad, nil
}
