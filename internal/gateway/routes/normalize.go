package routes

import "strings"

// Normalize does to the path of a request what nginx does before it looks for a
// location: one round of percent-decoding, `.` and `..` resolved, repeated slashes
// merged. target is what stands in the request line, from its first slash. ok is false
// if nginx refuses it with 400.
//
// The steps are those of ngx_http_parse_complex_uri, whose order matters: an encoded
// slash or dot acts like a plain one, an encoded ? is part of the path.
func Normalize(target string, mergeSlashes bool) (path, args string, ok bool) {
	const (
		usual = iota
		slash
		dot
		dotdot
	)
	for i := 0; i < len(target); i++ {
		if target[i] <= ' ' || target[i] == 0x7f {
			return "", "", false
		}
	}
	var out []byte
	state, p := usual, 0
	up := func() bool { // out ends in "/..": one folder up
		end := len(out) - 4
		for ; ; end-- {
			if end < 0 {
				return false
			}
			if out[end] == '/' {
				out = out[:end+1]
				return true
			}
		}
	}
	literal := false // the character was encoded and stands for itself
	for p < len(target) {
		ch := target[p]
		p++
		encoded := false
		if ch == '%' {
			if p+1 >= len(target) || !isHex(target[p]) || !isHex(target[p+1]) {
				return "", "", false
			}
			ch = unhex(target[p])<<4 | unhex(target[p+1])
			p += 2
			encoded = true
			if ch == 0 {
				return "", "", false
			}
			literal = ch == '%' || ch == '#' || ch == '?'
			if literal {
				out, state = append(out, ch), usual
				continue
			}
		}
		if !encoded && (ch == '?' || ch == '#') {
			switch state {
			case dot:
				out = out[:len(out)-1]
			case dotdot:
				if !up() {
					return "", "", false
				}
			}
			if ch == '?' {
				args, _, _ = strings.Cut(target[p:], "#")
			}
			return string(out), args, true
		}
		switch {
		case ch == '/' && state == usual:
			out, state = append(out, ch), slash
		case ch == '/' && state == slash:
			if !mergeSlashes {
				out = append(out, ch)
			}
		case ch == '/' && state == dot:
			out, state = out[:len(out)-1], slash
		case ch == '/' && state == dotdot:
			if !up() {
				return "", "", false
			}
			state = slash
		case ch == '.' && state == slash:
			out, state = append(out, ch), dot
		case ch == '.' && state == dot:
			out, state = append(out, ch), dotdot
		default:
			out, state = append(out, ch), usual
		}
	}
	switch state {
	case dot:
		out = out[:len(out)-1]
	case dotdot:
		if !up() {
			return "", "", false
		}
	}
	return string(out), "", true
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f'
}

func unhex(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c | 0x20 - 'a' + 10
}

// escape is how nginx writes a decoded path into a request or a redirect.
func escape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c <= ' ' || c == '#' || c == '%' || c == '?' || c >= 0x7f {
			const hex = "0123456789ABCDEF"
			b.WriteByte('%')
			b.WriteByte(hex[c>>4])
			b.WriteByte(hex[c&15])
			continue
		}
		b.WriteByte(c)
	}
	return b.String()
}
