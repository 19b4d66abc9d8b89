package backup

import (
	"context"
	"errors"
	"fmt"
	"time"

	"drydock/internal/backup/logical"
	"drydock/internal/backup/manifest"
	"drydock/internal/backup/store"
	"drydock/internal/run"
)

// Examined is what an examination found. Its JSON form is what a drill reads.
type Examined struct {
	Findings  []Finding  `json:"findings"`
	Tables    int        `json:"tables,omitempty"`
	Rows      int64      `json:"rows,omitempty"`
	Heartbeat *time.Time `json:"heartbeat,omitempty"` // newest one in the database; nil where none was ever written
}

// ExamineFiles reads every file of a backup and compares it with the record and, of a dump,
// with the manifest, whose rows are counted. An error means that it could not be looked at.
func (s *Service) ExamineFiles(ctx context.Context, id string) (Examined, error) {
	report, err := s.Store.Verify(ctx, id)
	if err != nil {
		return Examined{}, err
	}
	var bytes int64
	for _, f := range report.Backup.Files {
		bytes += f.Size
	}
	e := Examined{Findings: []Finding{finding(FindingRecord, fmt.Sprintf("%d files, %s: SHA-256 of each equals the record", len(report.Backup.Files), store.Bytes(bytes)), report.Problems)}}
	if report.Backup.Kind != store.KindDump {
		return e, nil
	}
	use, err := s.Store.Use(report.Backup.ID)
	if err != nil {
		e.Findings = append(e.Findings, finding(FindingFiles, "", []string{err.Error()}))
		return e, nil
	}
	m, err := logical.Verify(ctx, use.Dir, logical.VerifyOptions{Tools: s.Tools, Jobs: s.Config.Jobs, Deep: true})
	err = errors.Join(err, use.Close())
	if ctx.Err() != nil {
		return e, err
	}
	var problems []string
	if err != nil {
		problems = append(problems, err.Error())
	} else {
		e.Tables, e.Rows = len(m.Contents.Tables), m.Contents.Rows()
	}
	e.Findings = append(e.Findings, finding(FindingFiles, "checksums, table of contents, and the rows of each table, unpacked and counted", problems))
	return e, nil
}

// ExamineDatabase compares a database of the server with a dump's manifest.
func (s *Service) ExamineDatabase(ctx context.Context, id, database string) (e Examined, err error) {
	m, err := s.manifestOf(id)
	if err != nil {
		return e, err
	}
	server := s.Config.Server
	server.Database = database
	got, err := logical.Inventory(ctx, server, logical.CompareOptions{Jobs: s.Config.Jobs})
	if err != nil {
		return e, err
	}
	e.Findings = compared(m.Contents, got)
	e.Tables, e.Rows = len(got.Tables), got.Rows()
	e.Heartbeat, err = logical.NewestHeartbeat(ctx, server)
	return e, err
}

func (s *Service) manifestOf(id string) (m *manifest.Manifest, err error) {
	use, err := s.Store.Use(id)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, use.Close()) }()
	return manifest.Read(use.Dir)
}

// Control damages a copy of one of the backup's files, and rows and a sequence of a scratch
// database, and examines both again. Each finding says whether the examination saw one piece
// of damage. It is refused where the repository can be written to, which is how a live
// service differs from a drill's.
func (s *Service) Control(ctx context.Context, id, database string) (e Examined, err error) {
	if !s.Config.ReadOnly {
		return e, run.WithCode(run.CodeBadInput, errors.New("damaging a database as a control: this is a live service; only a drill's scratch database may be damaged"))
	}
	use, err := s.Store.Use(id)
	if err != nil {
		return e, err
	}
	file, problems, err := logical.ControlFile(ctx, use.Dir)
	err = errors.Join(err, use.Close())
	if err != nil {
		return e, err
	}
	server := s.Config.Server
	server.Database = database
	damaged, err := logical.Damage(ctx, server)
	if err != nil {
		return e, err
	}
	found, err := s.ExamineDatabase(ctx, id, database)
	if err != nil {
		return e, err
	}
	e.Findings = append([]Finding{seen("a flipped bit in "+file, file, FindingFiles, finding(FindingFiles, "", problems))}, controls(damaged, found.Findings)...)
	return e, nil
}
