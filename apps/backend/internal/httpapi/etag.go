package httpapi

import (
	"net/http"
	"strconv"
	"strings"

	"drydock/backend/internal/board"
)

// etag is the version of a note in the form of RFC 9110, section 8.8.3.
func etag(version int64) string {
	return `"` + strconv.FormatInt(version, 10) + `"`
}

// versionOf reads a tag. It takes W/ as equal, against the letter of RFC 9110, section 13.1.1: a proxy that compresses
// marks the tag as weak, and ours names the version of the row, not the bytes of an answer.
func versionOf(tag string) (int64, bool) {
	tag = strings.TrimPrefix(strings.TrimSpace(tag), "W/")
	inner, ok := strings.CutPrefix(tag, `"`)
	inner, ok2 := strings.CutSuffix(inner, `"`)
	version, err := strconv.ParseInt(inner, 10, 64)
	if !ok || !ok2 || err != nil || version < 1 || etag(version) != tag {
		return 0, false
	}
	return version, true
}

// expectedVersion reads the version that the client has seen, from If-Match or else from the body. given is false when
// it said neither; If-Match: * says board.AnyVersion.
func expectedVersion(r *http.Request, inBody *int64) (version int64, given bool, err error) {
	header := strings.Join(r.Header.Values("If-Match"), ",")
	switch {
	case header == "" && inBody == nil:
		return board.AnyVersion, false, nil
	case header == "":
		if *inBody < 1 {
			return 0, false, badRequest("version is a number from 1")
		}
		return *inBody, true, nil
	case strings.TrimSpace(header) == "*":
		return board.AnyVersion, true, nil
	}
	version, ok := versionOf(header)
	if !ok {
		return 0, false, badRequest(`If-Match holds one tag as it came in ETag, such as "3", or *`)
	}
	if inBody != nil && *inBody != version {
		return 0, false, badRequest("If-Match and version in the body contradict each other")
	}
	return version, true, nil
}

// matchesAny reports whether If-None-Match names the version.
func matchesAny(headers []string, version int64) bool {
	for _, header := range headers {
		for tag := range strings.SplitSeq(header, ",") {
			if v, ok := versionOf(tag); ok && v == version || strings.TrimSpace(tag) == "*" {
				return true
			}
		}
	}
	return false
}
