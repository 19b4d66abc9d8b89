//go:build integration

package recovery

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"drydock/internal/testkit"
)

// The log of a database that was made new in the place of a lost one leads nowhere.
func TestLeadsOn(t *testing.T) {
	l := newLab(t, "a-key-for-tests-only")
	assert.False(t, LeadsOn(t.Context(), l.e, l.db, l.source), "there is no backup yet")
	l.must("full")
	l.archived(time.Minute)
	assert.True(t, LeadsOn(t.Context(), l.e, l.db, l.source))

	assert.NoError(t, l.e.Remove(t.Context(), l.db))
	assert.False(t, LeadsOn(t.Context(), l.e, l.db, l.source), "it cannot be asked")
	l.data = testkit.Volume(t).Name
	l.db = l.startDB()
	_, err := l.e.WaitHealthy(t.Context(), l.db)
	assert.NoError(t, err)
	assert.False(t, LeadsOn(t.Context(), l.e, l.db, l.source), "another database has its place")
}
