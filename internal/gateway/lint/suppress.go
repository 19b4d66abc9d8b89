package lint

import (
	"slices"
	"strings"

	"drydock/internal/gateway/lint/conf"
)

const ignoreMark = "drydock:ignore"

// suppress takes out what comments silence, and reports comments that are wrong.
func suppress(cfg *conf.Config, found []Finding) []Finding {
	for _, f := range cfg.Files {
		for _, comment := range f.Comments {
			text, ok := strings.CutPrefix(strings.TrimSpace(comment.Text), ignoreMark)
			if !ok || text != "" && text[0] != ' ' && text[0] != '\t' {
				continue
			}
			id, reason, _ := strings.Cut(strings.TrimSpace(text), " ")
			lines := f.Covers(comment.Line)
			report := func(format string, args ...any) {
				c := check{cfg: cfg, rule: ruleByID("ignore-comment")}
				c.at(&conf.Node{File: f.Name, Line: comment.Line}, format, args...)
				found = append(found, c.found...)
			}
			switch {
			case id == "":
				report("the comment names no rule")
			case ruleByID(id) == nil:
				report("there is no rule %s", id)
			case strings.TrimSpace(reason) == "":
				report("the comment for %s gives no reason, so it silences nothing", id)
			default:
				before := len(found)
				around := includedIn(cfg, f, comment.Line)
				found = slices.DeleteFunc(found, func(x Finding) bool {
					here := x.File == f.Name && slices.Contains(lines, x.Line)
					return x.Rule == id && (here || slices.ContainsFunc(around, func(n *conf.Node) bool { return x.File == n.File && x.Line == n.Line }))
				})
				if len(found) == before {
					report("the comment silences nothing: %s has no finding here", id)
				}
			}
		}
	}
	return found
}

// includedIn are the blocks that a comment at the head of a file speaks for, too: those
// that the file is included in. A finding about what a block lacks has the block's place,
// and the file that would have it may be written by other hands, or for some settings only.
func includedIn(cfg *conf.Config, f *conf.File, line int) (blocks []*conf.Node) {
	if first := f.Covers(0); len(first) > 0 && line >= first[0] {
		return nil
	}
	cfg.Root.Walk(func(n *conf.Node) bool {
		if p := n.Parent; p != nil && n.File == f.Name && p.File != f.Name && p.Block && !slices.Contains(blocks, p) {
			blocks = append(blocks, p)
		}
		return true
	})
	return blocks
}
