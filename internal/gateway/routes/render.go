package routes

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// WriteTable prints the table for a terminal, one block a server.
func WriteTable(w io.Writer, table []Route) error {
	last := ""
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, r := range table {
		name := strings.Join(r.Servers, " ")
		if name == "" {
			name = `""`
		}
		head := "server " + name + "  listen " + strings.Join(r.Listen, ", ")
		if head != last {
			if last != "" {
				fmt.Fprintln(tw)
			}
			// The heading is no row: it must not widen the first column.
			if err := tw.Flush(); err != nil {
				return err
			}
			fmt.Fprintln(tw, head)
			if err := tw.Flush(); err != nil {
				return err
			}
			last = head
		}
		where := r.Location
		if r.Modifier != Prefix && r.Modifier != Named {
			where = string(r.Modifier) + " " + where
		}
		if where == "" {
			where = "(all)"
		}
		if r.Nested != "" {
			where = "  " + where
		}
		var more []string
		if r.Internal {
			more = append(more, "internal")
		}
		more = append(more, r.Limits...)
		if r.Cache != "" {
			more = append(more, "cache "+r.Cache)
		}
		if r.Auth != "" {
			more = append(more, r.Auth)
		}
		fmt.Fprintf(tw, "  %s\t%s\t%s\t%s\t%s:%d\n", where, r.Kind, r.Target, strings.Join(more, ", "), r.File, r.Line)
	}
	return tw.Flush()
}

// String is the explanation for a terminal.
func (e Explanation) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s://%s%s  (port %d)\n", e.Request.Method, e.Request.Scheme, e.Request.Host, e.Request.URI, e.Request.Port)
	steps(&b, e.Steps)
	fmt.Fprintf(&b, "=> %s\n", e.Outcome())
	for o, seen := e.Otherwise, len(e.Steps); o != nil; o = o.Otherwise {
		fmt.Fprintf(&b, "otherwise\n")
		steps(&b, o.Steps[min(seen-1, len(o.Steps)):])
		seen = len(o.Steps)
		fmt.Fprintf(&b, "=> %s\n", o.Outcome())
	}
	return b.String()
}

func steps(b *strings.Builder, list []Step) {
	for _, s := range list {
		fmt.Fprintf(b, "  - %s", s.Text)
		if s.Line > 0 {
			fmt.Fprintf(b, "  [%s:%d]", s.File, s.Line)
		}
		b.WriteByte('\n')
	}
}

// Outcome is the last line: what becomes of the request.
func (e Explanation) Outcome() string {
	var s string
	switch e.Kind {
	case Proxy:
		s = fmt.Sprintf("upstream %s gets %s", e.Upstream, e.URI)
		if e.Depends != "" {
			s += ", which depends on " + e.Depends
		}
	case Static:
		s = "the file " + e.File
	case Return:
		s = fmt.Sprintf("nginx answers %d", e.Status)
		if e.Status == 0 {
			s = "no answer"
		}
	case Redirect:
		s = fmt.Sprintf("nginx answers %d, to %s", e.Status, e.To)
	case Handler:
		s = "a module of nginx answers"
	default:
		s = "it depends on " + e.Depends
	}
	if e.Location != nil {
		s += fmt.Sprintf("  (%s, %s:%d)", e.Location.Text, e.Location.File, e.Location.Line)
	}
	return s
}
