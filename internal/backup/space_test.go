package backup

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"drydock/internal/backup/store"
	"drydock/internal/disk"
)

// Whoever lists the backups learns how much room there is for more.
func TestTheListSaysHowMuchRoomThereIs(t *testing.T) {
	root := t.TempDir()
	repository, err := store.Open(root, store.Options{})
	require.NoError(t, err)
	s := &Service{Store: repository, Config: Config{Root: root, Zone: time.UTC}, Now: time.Now}
	var out bytes.Buffer
	require.NoError(t, s.List(t.Context(), &out, true))
	var list struct {
		Space []disk.Filesystem `json:"space"`
	}
	require.NoError(t, json.Unmarshal(out.Bytes(), &list))
	require.GreaterOrEqual(t, len(list.Space), 2)
	assert.Equal(t, []string{"engine", "backups"}, []string{list.Space[0].Of, list.Space[1].Of})
	for _, one := range list.Space {
		assert.Positive(t, one.Total)
		assert.LessOrEqual(t, one.Free, one.Total)
	}
}
