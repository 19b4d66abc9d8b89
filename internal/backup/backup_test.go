package backup

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/run"
)

func lookup(environ ...string) func(string) string {
	m := map[string]string{}
	for _, kv := range environ {
		name, value, _ := strings.Cut(kv, "=")
		m[name] = value
	}
	return func(name string) string { return m[name] }
}

func files(content map[string]string) func(string) ([]byte, error) {
	return func(path string) ([]byte, error) {
		text, ok := content[path]
		if !ok {
			return nil, &os.PathError{Op: "open", Path: path, Err: os.ErrNotExist}
		}
		return []byte(text), nil
	}
}

func TestFromEnviron(t *testing.T) {
	c, err := FromEnviron(lookup("DB_PASSWORD_FILE=/pw", "BACKUP_WEBHOOK_FILE=/none", "BACKUP_ZONE=Europe/Berlin", "BACKUP_VERIFY=never",
		"BACKUP_KEEP_DAILY=30", "BACKUP_MAX_SIZE=10g"), files(map[string]string{"/pw": "p%a:s@s\\ \n"}))
	require.NoError(t, err)
	assert.Equal(t, `p%a:s@s\ `, c.Server.Password.Reveal(), "one line break at the end is not part of it, a blank is")
	assert.Equal(t, "30 2 * * * Europe/Berlin", c.Dump.String())
	assert.Nil(t, c.Verify)
	assert.Equal(t, 30, c.Policy.Daily)
	assert.Equal(t, int64(10<<30), c.Policy.MaxBytes)
	assert.Equal(t, "Europe/Berlin", c.Zone.String())

	_, err = FromEnviron(lookup("BACKUP_DUMP=at night", "BACKUP_ZONE=Moon", "BACKUP_JOBS=0", "BACKUP_MAX_SIZE=much", "BACKUP_KEEP_LAST=x", "BACKUP_HEARTBEAT=often"), files(nil))
	require.Error(t, err)
	assert.Equal(t, run.CodeBadInput, run.Code(err))
	for _, name := range []string{"BACKUP_DUMP", "BACKUP_ZONE", "BACKUP_JOBS", "BACKUP_MAX_SIZE", "BACKUP_KEEP_LAST", "BACKUP_HEARTBEAT", "DB_PASSWORD_FILE"} {
		assert.ErrorContains(t, err, name)
	}
}

func TestTheNameOfARestoredDatabaseFits(t *testing.T) {
	assert.Equal(t, "app_restored_42", beside("app", 42))
	for _, name := range []string{strings.Repeat("x", 63), strings.Repeat("名", 21)} {
		got := beside(name, 1234567)
		assert.LessOrEqual(t, len(got), maxName)
		assert.True(t, utf8.ValidString(got))
		assert.True(t, strings.HasSuffix(got, "_restored_1234567"))
	}
}

func TestPasswordsStayOutOfErrors(t *testing.T) {
	s := &Service{Config: Config{}, Now: time.Now}
	s.Config.Server.Password = "hunter2"
	assert.EqualError(t, s.masked(errors.New("postgres://app:hunter2@db failed")), "postgres://app:***@db failed")
	plain := errors.New("no secret")
	assert.Same(t, plain, s.masked(plain))
	assert.NoError(t, s.masked(nil))
}
