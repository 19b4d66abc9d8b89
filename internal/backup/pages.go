package backup

import (
	"context"
	"fmt"
	"io"
)

// pages says whether the database would notice that one of them was damaged.
type pages struct {
	On    *bool  `json:"on,omitempty"`
	Error string `json:"error,omitempty"`
}

// pagesNow asks the database; nil where there is no live one beside the repository.
func (s *Service) pagesNow(ctx context.Context) *pages {
	if s.Config.ReadOnly {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	on, err := s.Config.Server.Checksums(ctx)
	if err != nil {
		return &pages{Error: s.masked(err).Error()}
	}
	return &pages{On: &on}
}

func (p *pages) write(w io.Writer) (err error) {
	switch {
	case p == nil || p.On != nil && *p.On:
	case p.Error != "":
		_, err = fmt.Fprintf(w, "page checksums: not known: %s\n", p.Error)
	default:
		_, err = fmt.Fprintln(w, "WARNING: the database has no page checksums: a page that the disk has damaged goes into every backup unnoticed; "+
			"with the database stopped, pg_checksums --enable switches them on")
	}
	return err
}
