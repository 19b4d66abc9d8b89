package physical

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// A wrong key is told as such, whatever bytes pgBackRest's answer quotes.
func TestAWrongKeyIsToldWhateverItDecryptsTo(t *testing.T) {
	for name, quoted := range map[string]string{
		"control characters": "\x1d\x01\n", "not UTF-8": "\xff\xfe", "escaped": `\"\\`, "printable": "abc",
	} {
		_, err := Repo{Name: "local"}.parseInfo([]byte(`[{"backup":[],"db":[],"name":"main","repo":[{"key":1,"status":{"code":99,"message":"[FormatError] unable to load info file ` +
			quoted + `"}}],"status":{"code":99,"message":"other"}}]`))
		assert.ErrorIs(t, err, ErrKey, name)
		assert.ErrorContains(t, err, "BACKUP_KEY", name)
	}
}
