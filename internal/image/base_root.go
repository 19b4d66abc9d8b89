package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"drydock/internal/env"
	"drydock/internal/run"
)

// probeTimeout is how long BASE=auto waits for the registry before it takes Debian's
// packages instead. It is paid once: the base that is made then is reused.
const probeTimeout = 5 * time.Second

// rootSource is where the root file system of a base image comes from.
type rootSource struct {
	Suite string // trixie or forky
	Ref   string // the registry's image, by digest; "" for Debian's packages
}

// key is the source's part of the base image's input. Which packages a mirror has is
// not in it: a base is made once and stays until it is removed.
func (r rootSource) key() string {
	if r.Ref == "" {
		return "debian " + r.Suite
	}
	return "registry " + r.Ref
}

func (r rootSource) String() string {
	if r.Ref == "" {
		return "Debian's packages of " + r.Suite
	}
	return r.Ref
}

// rootChooser decides between the registry and Debian's packages.
type rootChooser struct {
	mode    string // BASE: auto, registry or debian
	refs    map[string]string
	lock    *baseLock
	narrate io.Writer

	// resolve asks the registry for the digest of a reference.
	resolve func(ctx context.Context, ref string) (digest string, err error)
}

func newRootChooser(s *env.Settings, narrate io.Writer) *rootChooser {
	return &rootChooser{
		mode:    s.Build.Base,
		refs:    map[string]string{"trixie": s.Build.TrixieImage, "forky": s.Build.ForkyImage},
		lock:    &baseLock{path: s.Path(baseLockPath)},
		narrate: narrate,
		resolve: func(ctx context.Context, ref string) (string, error) {
			// Not before it is needed: reading all certificates takes a while.
			transport, err := registryTransport(s.Build)
			if err != nil {
				return "", err
			}
			return askRegistry(ctx, ref, transport)
		},
	}
}

// choose returns the source for a suite. have says whether the base image made from a
// source is there already: then nobody is asked, so that a build with nothing to do
// needs no network and a machine does not change its base because the network came or
// went.
func (c *rootChooser) choose(ctx context.Context, suite string, have func(rootSource) bool) (rootSource, error) {
	debian := rootSource{Suite: suite}
	if c.mode == "debian" {
		return debian, nil
	}
	pinned, err := c.pinned(suite)
	if err != nil {
		return rootSource{}, err
	}
	if pinned.Ref != "" && (c.mode == "registry" || have(pinned)) {
		return pinned, nil
	}
	if c.mode != "registry" && have(debian) {
		return debian, nil
	}
	found, err := c.ask(ctx, suite, pinned)
	switch {
	case err == nil:
		return found, nil
	case ctx.Err() != nil:
		return rootSource{}, context.Cause(ctx)
	case c.mode == "registry":
		return rootSource{}, run.WithCode(run.CodeMissing, fmt.Errorf(
			"asking the registry for %s: %w; check HTTPS_PROXY and EXTRA_CA, set BASE_%s_IMAGE to a mirror's image, or BASE=debian to make the base from Debian's packages",
			c.refs[suite], err, strings.ToUpper(suite)))
	}
	say(c.narrate, "base-%s: no registry answers for %s (%v); making the base from Debian's packages", suite, c.refs[suite], brief(err))
	return debian, nil
}

// known are the sources that nobody has to be asked about, in the order in which choose
// looks at them.
func (c *rootChooser) known(suite string) (list []rootSource, err error) {
	if c.mode != "debian" {
		pinned, err := c.pinned(suite)
		if err != nil {
			return nil, err
		}
		if pinned.Ref != "" {
			list = append(list, pinned)
		}
	}
	if c.mode != "registry" {
		list = append(list, rootSource{Suite: suite})
	}
	return list, nil
}

// pinned is the reference with a digest, from the setting or from the lock file; its
// Ref is "" when neither has one.
func (c *rootChooser) pinned(suite string) (rootSource, error) {
	ref := c.refs[suite]
	if strings.Contains(ref, "@") {
		return rootSource{Suite: suite, Ref: ref}, nil
	}
	digest, err := c.lock.digest(ref)
	if err != nil || digest == "" {
		return rootSource{Suite: suite}, err
	}
	return rootSource{Suite: suite, Ref: ref + "@" + digest}, nil
}

// ask makes sure that the registry has the image. A tag without a digest is resolved
// and recorded: what is built tomorrow stands on the same base.
func (c *rootChooser) ask(ctx context.Context, suite string, pinned rootSource) (rootSource, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, probeTimeout, fmt.Errorf("no answer within %s", probeTimeout))
	defer cancel()
	ref := pinned.Ref
	if ref == "" {
		ref = c.refs[suite]
	}
	digest, err := c.resolve(ctx, ref)
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return rootSource{}, err
	}
	if pinned.Ref != "" {
		return pinned, nil
	}
	if err := c.lock.record(ref, digest); err != nil {
		return rootSource{}, err
	}
	say(c.narrate, "base-%s: %s is %s, recorded in %s", suite, ref, short(digest), baseLockPath)
	return rootSource{Suite: suite, Ref: ref + "@" + digest}, nil
}

// askRegistry resolves a reference with one HEAD request, which Docker Hub does not
// count against its pull limit.
func askRegistry(ctx context.Context, ref string, transport http.RoundTripper) (string, error) {
	parsed, err := name.ParseReference(withoutTag(ref))
	if err != nil {
		return "", fmt.Errorf("reading the reference %q: %w", ref, err)
	}
	got, err := remote.Head(parsed, remote.WithContext(ctx), remote.WithTransport(transport),
		remote.WithAuthFromKeychain(authn.DefaultKeychain), remote.WithRetryBackoff(remote.Backoff{Steps: 1}))
	if err != nil {
		return "", err
	}
	return got.Digest.String(), nil
}

// withoutTag drops the tag of a reference that has a digest as well (name:tag@digest),
// which names only the digest to a registry.
func withoutTag(ref string) string {
	repo, digest, ok := strings.Cut(ref, "@")
	if !ok {
		return ref
	}
	repo, _ = splitRef(repo)
	return repo + "@" + digest
}

// brief is the innermost reason of a network error: the rest repeats the address.
func brief(err error) error {
	for next := errors.Unwrap(err); next != nil; next = errors.Unwrap(err) {
		err = next
	}
	return err
}

// say writes a line of narration; a closed terminal must not stop the work.
func say(w io.Writer, format string, args ...any) {
	if w != nil {
		_, _ = fmt.Fprintf(w, format+"\n", args...)
	}
}
