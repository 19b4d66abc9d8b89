//go:build integration

package dockertest

import (
	"testing"

	"drydock/internal/testkit"

	"github.com/stretchr/testify/assert"
)

// gone lists packages that dpkg knows and of which no file is left, apart from what
// docker/base keeps out of every package.
const gone = `for list in /var/lib/dpkg/info/*.list; do
	listed=0 there=0
	while read -r f; do
		case $f in /usr/share/doc/* | /usr/share/man/* | /usr/share/locale/* | /usr/share/info/* | /usr/share/lintian/*) continue ;; esac
		if [ -d "$f" ]; then continue; fi
		listed=1
		if [ -e "$f" ] || [ -L "$f" ]; then there=1; break; fi
	done <"$list"
	if [ $listed = 1 ] && [ $there = 0 ]; then echo "${list##*/}"; fi
done`

// A bill of materials is made from dpkg's list: a package whose files were removed from
// the image must not be reported with all of its vulnerabilities.
func TestNoPackageIsListedThatIsGone(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"postgres", "redis"} {
		args := append([]string{"run", "--rm", "--user", "0:0", "--entrypoint", "sh"}, testkit.LabelOptions(t)...)
		assert.Empty(t, docker(t, append(args, imageRef(t, name), "-c", gone)...), name)
	}
}
