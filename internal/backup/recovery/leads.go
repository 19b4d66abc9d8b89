package recovery

import (
	"bytes"
	"context"
	"io"
	"strconv"

	"drydock/internal/backup/physical"
	"drydock/internal/engine"
)

// LeadsOn says whether what a running server logs can lead on from the newest backup: whether it
// is the database of that backup. One that was made new when the volume was lost is not, however
// long its log is waited for; nor can one count that does not say who it is.
func LeadsOn(ctx context.Context, e *engine.Client, container string, s Source) bool {
	own, err := psql(ctx, e, container, s, "SELECT system_identifier FROM pg_control_system()")
	if err != nil {
		return false
	}
	var out bytes.Buffer
	err = e.Exec(ctx, container, engine.Command{
		Cmd:     []string{"pgbackrest", "--config=" + physical.SecretsDir + "/" + physical.LocalFile, "--stanza=main", "info", "--output=json"},
		Streams: engine.Streams{Out: &out, Err: io.Discard},
	})
	if err != nil {
		return false
	}
	info, err := physical.ReadInfo(out.Bytes())
	return err == nil && newestIsOf(info, own)
}

// newestIsOf says whether the newest backup is of the database with this identifier.
func newestIsOf(info physical.Info, identifier string) bool {
	if len(info.Backups) == 0 {
		return false
	}
	c := info.Cluster(info.Backups[len(info.Backups)-1].Cluster)
	return c.SystemID != 0 && strconv.FormatUint(c.SystemID, 10) == identifier
}
