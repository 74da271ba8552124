#!/bin/sh
# Downloads the versions of nats-server that the tests of many machines need, and prints the variables that name them:
#
#   eval "$(tools/nats_servers.sh)" && make test-cluster
#
# They are the packages of Debian 12 (2.9, too old), 13 (2.10, the oldest that will do) and testing, from the mirror that this
# Debian uses; apt checks their signatures. They are unpacked below .tools, where they stay. What apt knows of this system is
# neither changed nor needed.
set -eu

project=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
folder=$project/.tools/nats

fail() {
  printf '%s\n' "$1" >&2
  exit 1
}

# apt FOLDER ARGUMENT…: apt-get with everything that it reads and writes in that folder
apt() {
  apt_folder=$1
  shift
  apt-get -qq \
    -o Dir::Etc::sourcelist="$apt_folder/nats.sources" -o Dir::Etc::sourceparts=/dev/null \
    -o Dir::State::lists="$apt_folder/lists" -o Dir::Cache="$apt_folder/cache" \
    -o APT::Sandbox::User=root "$@" >&2
}

# unpack SUITE: the server of this suite of Debian; it appears in one piece, so that an attempt that failed leaves nothing
unpack() {
  [ ! -e "$folder/$1" ] || return 0
  work=$folder/$1.part
  rm -rf "$work"
  mkdir -p "$work/lists/partial" "$work/cache/archives/partial"
  cat >"$work/nats.sources" <<END
Types: deb
URIs: $mirror
Suites: $1
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
END
  apt "$work" update
  (cd "$work" && apt "$work" download nats-server)
  dpkg -x "$work"/nats-server_*.deb "$work/root"
  mv "$work/root/usr/sbin/nats-server" "$work/nats-server"
  rm -rf "$work/root" "$work/lists" "$work/cache"
  mv "$work" "$folder/$1"
}

# print VARIABLE SUITE
print() {
  "$folder/$2/nats-server" --version >&2 || fail "nats-server of $2 does not start"
  printf "export %s='%s'\n" "$1" "$folder/$2/nats-server"
}

# The mirror of the suite that is installed: others, such as that of security updates, do not have all suites.
installed=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
mirror=$(apt-get indextargets --format '$(RELEASE) $(REPO_URI)' 'Created-By: Packages' |
  sed -n "s/^$installed //p" | head -n 1)
[ -n "$mirror" ] || fail "the sources of apt name no mirror for $installed"

for suite in bookworm trixie forky; do unpack "$suite"; done
print JOBRUNNER_TEST_NATS trixie
print JOBRUNNER_TEST_NATS_NEW forky
print JOBRUNNER_TEST_NATS_OLD bookworm
