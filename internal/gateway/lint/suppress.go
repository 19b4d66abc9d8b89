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
				found = slices.DeleteFunc(found, func(x Finding) bool {
					return x.File == f.Name && x.Rule == id && slices.Contains(lines, x.Line)
				})
				if len(found) == before {
					report("the comment silences nothing: %s has no finding here", id)
				}
			}
		}
	}
	return found
}
