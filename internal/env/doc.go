// Package env owns the settings: their schema and documentation, where each
// value comes from, whether it is right, and the secrets among them.
//
// [Load] resolves everything once into a typed [Settings]. A value comes from
// the first of these layers that has it:
//
//  1. the process environment
//  2. .env.<env>.local   (this machine, one environment; not committed)
//  3. .env               (this machine, every environment; not committed)
//  4. env/<env>.env      (the team's, committed, without secrets)
//  5. the host, for a few keys: apt's mirrors, Go's proxy, npm's registry, the CA bundle
//  6. the default of the schema
//
// Secrets have one more place, after the files: .secrets/<env>/<key in lower
// case>, which is filled on first use in dev and by [GenerateMissing] in prod.
//
// One value has one meaning: a dotenv value is literal. Nothing is expanded, so
// a `$` is a `$` everywhere; what cannot be read in one way only is refused with
// its line (see dotenv.go for the rules).
//
// It is the only package that reads the process environment or a dotenv file.
// It does not talk to Docker, does not run a program, and writes nothing but
// the files of secrets.
package env
