#!/bin/sh
# Installs Go 1.26 on Debian 12 or 13: the one thing that has to be there before
# `go tool mage setup` can do the rest. Run it as root:
#
#     sh scripts/install-go.sh
#
# Go comes from Debian's own archive (golang-1.26-go in trixie-backports; it needs
# nothing that Debian 12 does not have), from the mirror that this system already
# uses, verified with the Debian keyring. The system's package sources stay as they
# are. A Go that is new enough is left alone.
set -eu
umask 022
want=1.26

say() { echo "install-go: $*" >&2; }
fail() { say "$*"; exit 3; }

if command -v go >/dev/null 2>&1; then
    have=$(GOTOOLCHAIN=local go env GOVERSION | sed 's/^go//')
    oldest=$(printf '%s\n%s\n' "$want" "$have" | sort -V | head -n 1)
    if [ "$oldest" = "$want" ]; then
        say "Go $have is there: nothing to do"
        exit 0
    fi
    say "Go $have is older than $want"
fi

other="get Go $want from https://go.dev/dl/"
[ -r /etc/os-release ] || fail "this is not Debian: $other"
. /etc/os-release
case "${ID:-} ${VERSION_ID:-}" in
"debian 12" | "debian 13") ;;
*) fail "${PRETTY_NAME:-this system} is not Debian 12 or 13: $other" ;;
esac
[ "$(id -u)" = 0 ] || fail "run it as root: sudo sh $0"

# The URI that this system's own release comes from; others use its suite's name, too.
mirror=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
    awk -v suite="$VERSION_CODENAME" '($2 == suite || $2 == "stable" || $2 == "oldstable") && $3 == "main" && $1 ~ /\/debian|^mirror/ { print $1; exit }')
mirror=${mirror:-http://deb.debian.org/debian}
say "installing golang-$want-go and ca-certificates from $mirror (about 40 MB), and links to it in /usr/local/bin"

export DEBIAN_FRONTEND=noninteractive
dir=$(mktemp -d /tmp/drydock-go.XXXXXX)
trap 'rm -rf "$dir"' EXIT
trap 'exit 130' HUP INT TERM
chmod 755 "$dir" # apt drops its rights for downloads
mkdir -p "$dir/state/lists/partial" "$dir/cache/archives/partial" "$dir/debs"
if id _apt >/dev/null 2>&1; then chown _apt "$dir/debs"; fi
cat >"$dir/sources.list" <<END
deb [arch=$(dpkg --print-architecture) signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror trixie-backports main
END
cat >"$dir/apt.conf" <<END
Dir::State "$dir/state";
Dir::Cache "$dir/cache";
Dir::Etc::SourceList "$dir/sources.list";
Dir::Etc::SourceParts "/dev/null";
Dir::Etc::Preferences "/dev/null";
Dir::Etc::PreferencesParts "/dev/null";
Acquire::Languages "none";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
END
apt-get -q -c "$dir/apt.conf" update
(cd "$dir/debs" && apt-get -q -c "$dir/apt.conf" download "golang-$want-go" "golang-$want-src")
if [ ! -e /etc/ssl/certs/ca-certificates.crt ]; then
    apt-get -q update
    set -- ca-certificates
fi
trap '' HUP INT TERM # from here on dpkg has to finish
apt-get -q -y --no-install-recommends --no-remove -o Dpkg::Use-Pty=0 install "$@" "$dir"/debs/*.deb
for program in go gofmt; do
    if [ ! -e "/usr/local/bin/$program" ]; then
        ln -s "/usr/lib/go-$want/bin/$program" "/usr/local/bin/$program"
    fi
done
GOTOOLCHAIN=local "/usr/lib/go-$want/bin/go" version
if [ "$(readlink -f "$(command -v go)")" != "$(readlink -f "/usr/lib/go-$want/bin/go")" ]; then
    say "another go comes first in PATH: put /usr/lib/go-$want/bin before it"
fi
