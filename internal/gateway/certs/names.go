package certs

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/net/idna"
)

// toASCII refuses what no DNS name may have. Underscores are among that: no public
// authority signs them.
var toASCII = idna.New(
	idna.MapForLookup(),
	idna.BidiRule(),
	idna.VerifyDNSLength(true),
	idna.StrictDomainName(true),
)

// Normalise gives the one spelling in which names are compared: lower case, without the
// dot at the end, IDNs in punycode ("bücher.example" is "xn--bcher-kva.example"),
// addresses in their short form. A leading "*." stays.
func Normalise(name string) (string, error) {
	s := strings.TrimSuffix(strings.TrimSpace(name), ".")
	if addr, err := netip.ParseAddr(s); err == nil {
		return addr.Unmap().String(), nil
	}
	switch {
	case s == "":
		return "", errors.New("an empty name: remove it from the list")
	case strings.Contains(s, "/"):
		return "", fmt.Errorf("%q is not a name: give only the host, without scheme and path", name)
	case strings.Contains(s, ":"):
		return "", fmt.Errorf("%q is not a name: give only the host, without a port", name)
	}
	host, wild := strings.CutPrefix(s, "*.")
	ascii, err := toASCII.ToASCII(host)
	if err == nil {
		// What is no text (invalid UTF-8) only shows when it is read back.
		ascii, err = toASCII.ToASCII(ascii)
	}
	if err == nil && strings.HasSuffix(ascii, ".") {
		err = errors.New("two dots in a row")
	}
	if err != nil {
		return "", fmt.Errorf("%q is not a DNS name (%w): check its spelling", name, err)
	}
	if wild {
		ascii = "*." + ascii
	}
	return ascii, nil
}

// NormaliseAll is Normalise for a list: all problems at once, doubles dropped, the order
// kept.
func NormaliseAll(names []string) ([]string, error) {
	var out []string
	var problems []error
	for _, name := range names {
		n, err := Normalise(name)
		switch {
		case err != nil:
			problems = append(problems, err)
		case !slices.Contains(out, n):
			out = append(out, n)
		}
	}
	return out, errors.Join(problems...)
}

// split parts normalised names into DNS names and addresses.
func split(names []string) (dns []string, ips []netip.Addr) {
	for _, n := range names {
		if addr, err := netip.ParseAddr(n); err == nil {
			ips = append(ips, addr)
		} else {
			dns = append(dns, n)
		}
	}
	return dns, ips
}

// sameNames compares two lists as sets; names that are none are compared as they are.
func sameNames(a, b []string) bool {
	set := func(names []string) []string {
		var out []string
		for _, n := range names {
			if normal, err := Normalise(n); err == nil {
				n = normal
			}
			out = append(out, n)
		}
		slices.Sort(out)
		return slices.Compact(out)
	}
	return slices.Equal(set(a), set(b))
}
