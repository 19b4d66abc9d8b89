package configure

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/backup/away"
	"drydock/internal/backup/store"
	"drydock/internal/env"
	"drydock/internal/run"
	"drydock/internal/stack"
)

// Each thing that keeps the way to the storage closed is named before anything is asked or made.
func TestTheWayToS3IsCheckedFirst(t *testing.T) {
	whole := env.Physical{Encrypt: env.EncryptS3, Key: "k", S3: env.S3{Endpoint: "s3.example.net", Bucket: "b", AccessKey: "a", SecretKey: "s"}}
	onlyS3 := env.Options{Repository: onS3}
	for name, c := range map[string]struct {
		options env.Options
		change  func(*env.Physical)
		want    string
	}{
		"another word":             {options: env.Options{Repository: "local"}, want: "REPOSITORY=local"},
		"two places":               {options: env.Options{Repository: "s3", Archive: "config.tar.zst"}, want: "ARCHIVE and REPOSITORY"},
		"no endpoint":              {options: onlyS3, change: func(p *env.Physical) { p.S3.Endpoint = "" }, want: "BACKUP_S3_ENDPOINT"},
		"no bucket":                {options: onlyS3, change: func(p *env.Physical) { p.S3.Bucket = "" }, want: "BACKUP_S3_BUCKET"},
		"no access key":            {options: onlyS3, change: func(p *env.Physical) { p.S3.AccessKey = "" }, want: "BACKUP_S3_ACCESS_KEY"},
		"no secret key":            {options: onlyS3, change: func(p *env.Physical) { p.S3.SecretKey = "" }, want: "BACKUP_S3_SECRET_KEY"},
		"no key":                   {options: onlyS3, change: func(p *env.Physical) { p.Key = "" }, want: "BACKUP_KEY"},
		"nothing is encrypted":     {options: onlyS3, change: func(p *env.Physical) { p.Key, p.Encrypt = "", env.EncryptOff }},
		"all is there":             {options: onlyS3},
		"the service is asked":     {change: func(p *env.Physical) { *p = env.Physical{} }},
		"a file needs no settings": {options: env.Options{Archive: "config.tar.zst"}, change: func(p *env.Physical) { *p = env.Physical{} }},
	} {
		t.Run(name, func(t *testing.T) {
			s := &env.Settings{Env: "prod", Options: c.options}
			s.Backup.Physical = whole
			if c.change != nil {
				c.change(&s.Backup.Physical)
			}
			err := (&Config{Stack: &stack.Stack{Settings: s}}).checkRepository()
			if c.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.want)
			assert.Equal(t, run.CodeBadInput, run.Code(err))
		})
	}
}

func TestWhichCopyOfAConfiguration(t *testing.T) {
	at := func(id, kind string, day int) away.Manifest {
		return away.Manifest{ID: id, Record: store.Record{ID: id, Kind: kind, Finished: time.Date(2026, 3, day, 0, 0, 0, 0, time.UTC)}}
	}
	const lost, anew, dump = "000042-20260301T000000Z-aaaaaa", "000007-20260305T000000Z-bbbbbb", "000043-20260306T000000Z-cccccc"
	list := []away.Manifest{at(anew, store.KindConfig, 5), at(lost, store.KindConfig, 1), at(dump, store.KindDump, 6)}
	for id, want := range map[string]string{"": anew, "42": lost, lost: lost} {
		m, err := choose(list, id)
		require.NoError(t, err)
		assert.Equal(t, want, m.ID, "BACKUP=%s; the newest is so by time, whatever its number", id)
	}
	for id, want := range map[string]string{"43": "kind dump", "44": "no copy of 44"} {
		_, err := choose(list, id)
		assert.ErrorContains(t, err, want)
	}
	_, err := choose(list[2:], "")
	assert.ErrorContains(t, err, "BACKUP_S3_PATH")
}
