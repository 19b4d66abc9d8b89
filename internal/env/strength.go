package env

import (
	"strings"
	"unicode/utf8"
)

// The least that a password in prod must have. 12 characters of 6 kinds is
// what a person can still type; the ones we make have 32 of about 25.
const (
	leastLength = 12
	leastKinds  = 6
)

// known are the passwords of manuals, images and examples. Digits and
// punctuation around them don't make them better, so they are compared without.
var known = map[string]bool{}

func init() {
	for w := range strings.FieldsSeq(`admin administrator app backend canary changeit changeme changethis changepassword
		database db default demo dev development docker drydock dummy example examplepassword guest hackme
		insecure letmein local localhost master mypassword mysecret mysecretpassword mysql none pass passphrase
		passw passwd password passwordpassword postgres postgresql postgrespassword private prod production
		pleasechangeme redis redispassword replaceme root rootpassword sample secret secretpassword
		secure staging supersecret supersecretpassword sysadmin temp temporary test testing testpassword todo
		toor user username verysecret welcome xxx your yourpassword yourpasswordhere yoursecret
		yoursecretpassword qwerty qwertyuiop asdf asdfghjkl zxcvbnm`) {
		known[w] = true
	}
}

// weakness says why a password is too weak for prod, or "". The names are the
// ones that an attacker tries first: user, database, project.
func weakness(password string, names ...string) string {
	lower := strings.ToLower(password)
	core := letters(lower)
	for _, name := range names {
		name = strings.ToLower(name)
		if name != "" && (lower == name || core == letters(name) && core != "") {
			return "is the name of the user, the database or the project"
		}
	}
	kinds := map[rune]bool{}
	for _, r := range password {
		kinds[r] = true
	}
	switch {
	case known[core] || known[letters(plainLetters.Replace(lower))]:
		return "is a well-known default"
	case utf8.RuneCountInString(password) < leastLength:
		return "is shorter than 12 characters"
	case len(kinds) < leastKinds:
		return "has fewer than 6 different characters"
	case isRun(lower):
		return "is a run of neighbouring characters"
	}
	return ""
}

// plainLetters undoes the usual disguise: p4$$w0rd.
var plainLetters = strings.NewReplacer("0", "o", "1", "i", "3", "e", "4", "a", "5", "s", "7", "t", "@", "a", "$", "s")

// letters is s without everything that is not a letter.
func letters(s string) string {
	return strings.Map(func(r rune) rune {
		if 'a' <= r && r <= 'z' || r > 0x7f {
			return r
		}
		return -1
	}, s)
}

// isRun reports whether nearly every character is the neighbour of the one
// before: 123456789012, abcdefabcdef, zyxwvutsrqpo.
func isRun(s string) bool {
	steps := 0
	for i := 1; i < len(s); i++ {
		if d := int(s[i]) - int(s[i-1]); d == 1 || d == -1 || d == 0 {
			steps++
		}
	}
	return steps*4 >= (len(s)-1)*3
}
