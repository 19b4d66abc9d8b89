package image

import (
	"fmt"
	"sort"
	"strings"
)

// purl writes a package URL.
// https://github.com/package-url/purl-spec/blob/main/purl-specification.md
func purl(kind, namespace, name, version string, qualifiers map[string]string) string {
	var b strings.Builder
	b.WriteString("pkg:" + kind)
	for part := range strings.SplitSeq(namespace, "/") {
		if part != "" {
			b.WriteString("/" + purlEscape(part))
		}
	}
	b.WriteString("/" + purlEscape(name))
	if version != "" {
		b.WriteString("@" + purlEscape(version))
	}
	keys := make([]string, 0, len(qualifiers))
	for k, v := range qualifiers {
		if v != "" {
			keys = append(keys, k)
		}
	}
	sort.Strings(keys)
	for i, k := range keys {
		sep := "&"
		if i == 0 {
			sep = "?"
		}
		b.WriteString(sep + k + "=" + purlEscape(qualifiers[k]))
	}
	return b.String()
}

// purlEscape encodes every byte but letters, digits, ".-_~" and the colon, which
// the specification wants left as it is.
func purlEscape(s string) string {
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte(".-_~:", c) >= 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// goPURL splits a module path at its last slash. The specification has Go's
// namespaces and names in lower case.
func goPURL(module, version string) string {
	namespace, name := "", strings.ToLower(module)
	if i := strings.LastIndexByte(name, '/'); i >= 0 {
		namespace, name = name[:i], name[i+1:]
	}
	return purl("golang", namespace, name, version, nil)
}

func npmPURL(name, version string) string {
	namespace := ""
	if scope, rest, ok := strings.Cut(name, "/"); ok && strings.HasPrefix(scope, "@") {
		namespace, name = scope, rest
	}
	return purl("npm", namespace, name, version, nil)
}
