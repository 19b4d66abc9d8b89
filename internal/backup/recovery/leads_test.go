package recovery

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"drydock/internal/backup/physical"
)

func TestNewestIsOf(t *testing.T) {
	info := physical.Info{
		Clusters: []physical.Cluster{{ID: 1, SystemID: 7000000000000000001}, {ID: 2, SystemID: 7000000000000000002}},
		Backups:  []physical.Backup{{Label: "a", Cluster: 1}},
	}
	assert.True(t, newestIsOf(info, "7000000000000000001"))
	assert.False(t, newestIsOf(info, "7000000000000000002"), "it has the repository now, and no backup yet")
	assert.False(t, newestIsOf(info, ""))
	info.Backups = append(info.Backups, physical.Backup{Label: "b", Cluster: 2})
	assert.True(t, newestIsOf(info, "7000000000000000002"))
	assert.False(t, newestIsOf(info, "7000000000000000001"))
	assert.False(t, newestIsOf(physical.Info{}, "7000000000000000001"))
	assert.False(t, newestIsOf(physical.Info{Backups: []physical.Backup{{Cluster: 3}}}, "0"))
}
