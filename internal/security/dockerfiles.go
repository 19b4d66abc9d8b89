package security

import (
	"fmt"
	"regexp"
	"strings"
)

func dockerfileRules() []Rule {
	const build = "Docker build checks"
	return []Rule{
		{ID: "CIS-4.1-file", Source: cis + ", 4.1; hadolint DL3002", Title: "Dockerfiles end with a user that is not root", TitleZh: "Dockerfile 最终切换到非 root 用户",
			Why: "An image that says it is safe wherever it is started.", Fix: "USER 10001:10001 in the last stage.",
			Check: files(func(d Dockerfile) (found []fault) {
				user, line := "", 1
				for _, in := range d.final() {
					switch in.Name {
					case "FROM":
						line = in.Line
					case "USER":
						user, line = in.Args, in.Line
					}
				}
				if isRoot(user) {
					found = append(found, fault{line, fmt.Sprintf("ends as root (user %q)", user)})
				}
				return found
			})},
		{ID: "CIS-4.6-file", Source: cis + ", 4.6; hadolint DL3057", Title: "Dockerfiles declare a health check", TitleZh: "Dockerfile 声明了健康检查",
			Why: "Only the image knows how its program is asked.", Fix: "HEALTHCHECK CMD [...].",
			Check: files(func(d Dockerfile) []fault {
				for _, in := range d.final() {
					if in.Name == "HEALTHCHECK" && !strings.EqualFold(in.Args, "NONE") {
						return nil
					}
				}
				return []fault{{last(d), "no HEALTHCHECK"}}
			})},
		{ID: "CIS-4.7", Source: cis + ", 4.7", Title: "Package lists are updated and used in one step", TitleZh: "更新软件包列表与安装在同一步骤完成",
			Why: "A cached update installs what was current months ago.", Fix: "apt-get update && apt-get install in one RUN; apt-install here.",
			Check: runs(func(s string) string {
				if aptUpdate.MatchString(s) && !aptInstall.MatchString(s) {
					return "updates the package lists alone"
				}
				return ""
			})},
		{ID: "CIS-4.9", Source: cis + ", 4.9; hadolint DL3020", Title: "COPY is used, not ADD", TitleZh: "使用 COPY 而不是 ADD",
			Why: "ADD unpacks archives and fetches addresses, unasked.", Fix: "COPY; or ADD --checksum for an address.",
			Check: instructions("ADD", func(args string) string {
				if strings.Contains(args, "--checksum=") {
					return ""
				}
				return "ADD"
			})},
		{ID: "CIS-4.10-file", Source: cis + ", 4.10; " + build + ", SecretsUsedInArgOrEnv", Title: "Dockerfiles hold no secret", TitleZh: "Dockerfile 中没有密钥",
			Why: "ARG and ENV stand in the image, and the file in git.", Fix: "RUN --mount=type=secret.",
			Check: files(func(d Dockerfile) (found []fault) {
				for _, in := range d.Instructions {
					args := in.Args
					switch in.Name {
					case "ENV", "ARG":
						if name, value, ok := strings.Cut(args, " "); ok && in.Name == "ENV" && !strings.Contains(name, "=") {
							args = name + "=" + strings.TrimSpace(value) // the old form
						}
						// A build argument that is a secret is one without a default, too.
						if name, _, _ := strings.Cut(args, "="); in.Name == "ARG" && secretName.MatchString(name) {
							found = append(found, fault{in.Line, "ARG " + name})
							continue
						}
					case "RUN":
					default:
						continue
					}
					for _, m := range assignment.FindAllStringSubmatch(args, -1) {
						if name, ok := secretVariable(m[1] + "=" + strings.Trim(m[2], `"'`)); ok {
							found = append(found, fault{in.Line, in.Name + " has a value of " + name})
							break
						}
					}
				}
				return found
			})},
		{ID: "DL3006", Source: "hadolint DL3006, DL3007", Title: "Base images are named by version", TitleZh: "基础镜像使用明确的版本",
			Why: "Today's build and tomorrow's must stand on the same thing.", Fix: "name:version or name@sha256:...; our own images are named by their content when built.",
			Check: files(unnamedBase)},
		{ID: "DL3004", Source: "hadolint DL3004", Title: "sudo is not used", TitleZh: "没有使用 sudo",
			Why: "It is a way to root that stays in the image.", Fix: "USER.",
			Check: runs(matches(`(?:^|[\s;&|(])sudo\s`, "uses sudo"))},
		{ID: "DL3015", Source: "hadolint DL3015", Title: "Only what is needed is installed", TitleZh: "只安装必需的软件包",
			Why: "Recommended packages are attack surface that nobody asked for (CIS 4.3).", Fix: "--no-install-recommends; apt-install here.",
			Check: runs(func(s string) string {
				if aptInstall.MatchString(s) && !strings.Contains(s, "--no-install-recommends") {
					return "installs recommended packages"
				}
				return ""
			})},
		{ID: "file-pipe", Source: cis + ", 4.11", Title: "Nothing from the network is run unseen", TitleZh: "不直接运行从网络下载的脚本",
			Why: "Whoever owns that server, or the way to it, owns the image.", Fix: "Fetch, compare a pinned hash, then run.",
			Check: runs(matches(`(?:curl|wget)\b[^;&]*\|\s*(?:\S*/)?(?:ba|da|z)?sh\b`, "pipes a download into a shell"))},
		{ID: "file-insecure", Source: "Dockerfile reference, RUN --security, --network; curl manual, --insecure", Title: "No build step switches protection off", TitleZh: "构建步骤不关闭任何保护",
			Why: "A build runs other people's code.", Fix: "Give EXTRA_CA to a build behind a proxy with a certificate of its own.",
			Check: runs(matches(`--security=insecure|(?:curl\b[^;&|]*\s(?:-k|--insecure)\b)|--no-check-certificate|--allow-unauthenticated|trusted=yes|strict-ssl[= ]false|GONOSUMCHECK|GOINSECURE|NODE_TLS_REJECT_UNAUTHORIZED=0`, "switches a check off"))},
		{ID: "file-mode", Source: "CWE-732", Title: "No file may be written by everybody", TitleZh: "没有任何人可写的文件",
			Why: "A program that was taken over could change what others run.", Fix: "chmod 0755 and an owner.",
			Check: runs(matches(`chmod\s+(?:-\S+\s+)*(?:0?777|a\+w|o\+w|a\+rwx|ugo\+rwx)\b`, "makes files that everybody can write"))},
		{ID: "file-exec-form", Source: build + ", JSONArgsRecommended", Title: "CMD and ENTRYPOINT have the exec form", TitleZh: "CMD 与 ENTRYPOINT 使用 exec 形式",
			Why: "A shell as process 1 swallows the signal to stop, and is a shell.", Fix: `CMD ["program", "argument"].`,
			Check: files(func(d Dockerfile) (found []fault) {
				for _, in := range d.Instructions {
					if (in.Name == "CMD" || in.Name == "ENTRYPOINT") && !strings.HasPrefix(in.Args, "[") {
						found = append(found, fault{in.Line, in.Name + " runs through a shell"})
					}
				}
				return found
			})},
	}
}

var (
	aptUpdate  = regexp.MustCompile(`\b(?:apt-get|apt)\s+(?:-\S+\s+)*update\b|\bapk\s+update\b`)
	aptInstall = regexp.MustCompile(`\b(?:apt-get|apt)\s+(?:-\S+\s+)*(?:install|upgrade|dist-upgrade)\b|\bapk\s+add\b`)
)

type fault struct {
	line int
	what string
}

// files makes a check out of one for a single Dockerfile.
func files(check func(Dockerfile) []fault) func(Facts) []Finding {
	return func(f Facts) []Finding {
		var found []Finding
		for _, d := range f.Dockerfiles {
			for _, x := range check(d) {
				found = append(found, Finding{Where: fmt.Sprintf("%s:%d", d.Path, x.line), What: x.what})
			}
		}
		return found
	}
}

// instructions makes a check out of one for the arguments of an instruction.
func instructions(name string, check func(args string) string) func(Facts) []Finding {
	return files(func(d Dockerfile) (found []fault) {
		for _, in := range d.Instructions {
			if in.Name != name {
				continue
			}
			if what := check(in.Args); what != "" {
				found = append(found, fault{in.Line, what})
			}
		}
		return found
	})
}

func runs(check func(string) string) func(Facts) []Finding { return instructions("RUN", check) }

func matches(expression, what string) func(string) string {
	re := regexp.MustCompile(expression)
	return func(s string) string {
		if re.MatchString(s) {
			return what
		}
		return ""
	}
}

func last(d Dockerfile) int {
	if n := len(d.Instructions); n > 0 {
		return d.Instructions[n-1].Line
	}
	return 1
}

// unnamedBase looks at each FROM that is neither a stage nor nothing nor an image of ours.
// A build argument stands for its default, which is what is used when nobody gives one.
func unnamedBase(d Dockerfile) (found []fault) {
	defaults, stages := map[string]string{}, map[string]bool{}
	for _, in := range d.Instructions {
		switch in.Name {
		case "ARG":
			if name, value, ok := strings.Cut(in.Args, "="); ok {
				defaults[name] = strings.Trim(value, `"'`)
			}
		case "FROM":
			ref, name := in.from()
			for range 5 { // an argument's default may name another's; deeper is a loop
				if len(ref) > 1000 {
					break
				}
				ref = variable.ReplaceAllStringFunc(ref, func(v string) string { return defaults[strings.Trim(v, "${}")] })
			}
			if ref == "scratch" || stages[strings.ToLower(ref)] || strings.HasPrefix(ref, "drydock/") {
				stages[name] = true
				continue
			}
			stages[name] = true
			_, tag, tagged := strings.Cut(ref[strings.LastIndexByte(ref, '/')+1:], ":")
			if !strings.Contains(ref, "@sha256:") && (!tagged || tag == "latest") {
				found = append(found, fault{in.Line, fmt.Sprintf("begins with %q", ref)})
			}
		}
	}
	return found
}

var variable = regexp.MustCompile(`\$\{?[A-Za-z_][A-Za-z0-9_]*\}?`)
