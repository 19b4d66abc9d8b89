package security

import (
	"fmt"
	"regexp"
	"strings"

	"drydock/internal/engine"
)

func imageRules() []Rule {
	return []Rule{
		{ID: "CIS-4.1", Source: cis + ", 4.1", Title: "Containers run as a user of their own, not as root", TitleZh: "容器以专用用户运行，而不是 root",
			Why:   "Root inside a container is root for the kernel: a hole in either is a hole in the machine.",
			Fix:   "Say USER with a number in the Dockerfile, or user: in the compose file.",
			Check: each(rootUser)},
		{ID: "CIS-4.6", Source: cis + ", 4.6", Title: "Images declare a health check", TitleZh: "镜像声明了健康检查",
			Why:   "Without one, a container that hangs counts as running, and traffic goes on to it.",
			Fix:   "Add HEALTHCHECK to the Dockerfile.",
			Check: each(imageCheck)},
		{ID: "CIS-4.10", Source: cis + ", 4.10", Title: "Images hold no secret in their environment or history", TitleZh: "镜像的环境变量和历史中没有密钥",
			Why:   "Whoever can pull the image can read both, for ever.",
			Fix:   "Give secrets at run time as files in /run/secrets, and to builds as RUN --mount=type=secret. Change what was in the image.",
			Check: each(imageSecrets)},
		{ID: "CIS-5.28", Source: cis + ", 5.28", Title: "Containers run a known version of their image", TitleZh: "容器运行的是明确版本的镜像",
			Why:   "latest, or no tag, is another program after each pull, and no rollback finds the old one.",
			Fix:   "Name a version or a digest in the image's setting.",
			Check: alone(knownVersion)},
	}
}

func rootUser(f Facts, c engine.Confinement) string {
	user := c.User
	if user == "" {
		user = f.image(c).User
	}
	if isRoot(user) {
		return fmt.Sprintf("runs as root (user %q)", user)
	}
	for _, p := range c.Processes {
		if p.UID == "0" {
			return "a process runs as root: " + cut(p.Args)
		}
	}
	return ""
}

func isRoot(user string) bool {
	name, _, _ := strings.Cut(user, ":")
	return name == "" || name == "root" || strings.Trim(name, "0") == ""
}

func imageCheck(f Facts, c engine.Confinement) string {
	if img, ok := f.Images[c.ImageID]; ok && !img.HasCheck {
		return "the image has no HEALTHCHECK"
	}
	return ""
}

func imageSecrets(f Facts, c engine.Confinement) string {
	img := f.image(c)
	for _, kv := range img.Env {
		if name, ok := secretVariable(kv); ok {
			return "the image's environment has " + name
		}
	}
	for _, l := range img.History {
		for _, m := range assignment.FindAllStringSubmatch(l.CreatedBy, -1) {
			if name, ok := secretVariable(m[1] + "=" + strings.Trim(m[2], `"'`)); ok {
				return "the image's history has a value of " + name
			}
		}
	}
	return ""
}

// assignment is NAME=value as a shell, ENV or ARG has it.
var assignment = regexp.MustCompile(`(?:^|[\s|])([A-Za-z_][A-Za-z0-9_]*)=("[^"]*"|'[^']*'|[^\s;&|]+)`)

// secretName matches names whose values are secrets: a password, not a path of one.
var secretName = regexp.MustCompile(`(?i)(?:^|_)(?:passwords?|passwd|pwd|pass|secrets?|tokens?|api_?keys?|private_?keys?|access_?keys?|credentials?|auth)$`)

// secretURL is an address with a password in it (RFC 3986, 3.2.1).
var secretURL = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9+.-]*://[^/?#\s:@]*:[^/?#\s@]+@`)

// secretVariable says whether NAME=value holds a secret, and its name. The value is never
// told. A reference to another variable is none, and so is the empty value.
func secretVariable(kv string) (name string, secret bool) {
	name, value, _ := strings.Cut(kv, "=")
	if value == "" || strings.HasPrefix(value, "$") || strings.HasPrefix(value, "/run/secrets/") {
		return "", false
	}
	return name, secretName.MatchString(name) || secretURL.MatchString(value)
}

func knownVersion(c engine.Confinement) string {
	ref := c.Image
	if strings.Contains(ref, "@sha256:") || strings.HasPrefix(ref, "sha256:") {
		return ""
	}
	_, tag, ok := strings.Cut(ref[strings.LastIndexByte(ref, '/')+1:], ":")
	if !ok || tag == "latest" {
		return "its image is " + ref
	}
	return ""
}

// cut shortens what a program was started with: enough to know it by.
func cut(args string) string {
	program, _, _ := strings.Cut(args, " ")
	return program
}
