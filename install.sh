#!/bin/sh
# Installs a jobrunner binary after verifying its checksum. Downloads nothing.
set -eu

usage() {
  cat <<'END'
Usage: install.sh [--systemd] FILE [SHA256SUMS]

Checks FILE, a jobrunner binary, against the line for its name in SHA256SUMS (by default the one beside FILE) and
installs it as PREFIX/bin/jobrunner.

  --systemd   also installs the unit jobrunner.service into /etc/systemd/system; the unit is taken from contrib/systemd
              in this script's folder, or from that folder itself
  -h, --help  shows this help

Variables: PREFIX, by default /usr/local; DESTDIR, a folder to put in front of every path, by default none.

Exit status: 0 installed; 1 refused, nothing was installed; 2 wrong usage.
END
}

refuse() {
  printf 'install.sh: %s\n' "$1" >&2
  exit "${2:-1}"
}

systemd=
while [ $# -gt 0 ]; do
  case $1 in
    -h | --help) usage && exit 0 ;;
    --systemd) systemd=yes && shift ;;
    --) shift && break ;;
    -*) refuse "$1: no such option; --help lists them" 2 ;;
    *) break ;;
  esac
done
# Options may follow the files as well.
for argument in "$@"; do
  shift
  if [ "$argument" = --systemd ]; then systemd=yes; else set -- "$@" "$argument"; fi
done
if [ $# -lt 1 ] || [ $# -gt 2 ]; then
  usage >&2
  exit 2
fi

file=$1
case $file in
  *://*) refuse "$file: must be a file; download it and SHA256SUMS first, this script downloads nothing" ;;
esac
[ -f "$file" ] || refuse "$file: no such file"
case $file in
  */*) folder=${file%/*} ;;
  *) folder=. ;;
esac
name=${file##*/}
sums=${2:-$folder/SHA256SUMS}
[ -f "$sums" ] || refuse "$sums: no such file; it must contain the checksum of $name"

if command -v sha256sum >/dev/null; then
  sum() { sha256sum <"$1"; }
elif command -v shasum >/dev/null; then
  sum() { shasum -a 256 <"$1"; }
else
  refuse "cannot check $name: neither sha256sum nor shasum is installed"
fi

# “sum, space, space or star, name”. The name is compared as text and must be in the file exactly once.
wanted=$(NAME=$name awk '
  { sub(/\r$/, "") }
  substr($0, 67) == ENVIRON["NAME"] && /^[0-9A-Fa-f]+ [ *]/ && length($1) == 64 { print tolower($1) }
' "$sums")
case $wanted in
  '') refuse "$sums: has no line for $name" ;;
  *[!0-9a-f]*) refuse "$sums: has more than one line for $name" ;;
esac

destination=${DESTDIR:-}
prefix=${PREFIX:-/usr/local}
case $prefix in
  /*) ;;
  *) refuse "PREFIX=$prefix: must be an absolute path" ;;
esac
bin=$destination$prefix/bin

unit=
if [ -n "$systemd" ]; then
  case $0 in
    */*) here=${0%/*} ;;
    *) here=. ;;
  esac
  for candidate in "$here/contrib/systemd/jobrunner.service" "$here/jobrunner.service"; do
    if [ -z "$unit" ] && [ -f "$candidate" ]; then unit=$candidate; fi
  done
  [ -n "$unit" ] || refuse "--systemd: there is no contrib/systemd/jobrunner.service beside this script"
  # It becomes part of a line of the unit, in which other characters have a special meaning.
  case $prefix in
    *[!A-Za-z0-9/._-]*) refuse "PREFIX=$prefix: with --systemd must hold only letters, digits and / . _ -" ;;
  esac
fi

binary=
service=
trap 'rm -f ${binary:+"$binary"} ${service:+"$service"}' EXIT
trap 'exit 1' HUP INT TERM

# The copy is checked, so the checked bytes are installed, even if FILE changes in the meantime. The copy is made in the
# target folder, so that mv replaces an older binary, even a running one, in one step.
mkdir -p "$bin"
[ ! -d "$bin/jobrunner" ] || refuse "$bin/jobrunner: is a folder"
binary=$(mktemp "$bin/.jobrunner.XXXXXX")
cat <"$file" >"$binary"
actual=$(sum "$binary")
actual=${actual%% *}
[ "$actual" = "$wanted" ] ||
  refuse "$file: its SHA-256 is $actual, but $sums says $wanted: not installed"
chmod 0755 "$binary"

if [ -n "$unit" ]; then
  units=$destination/etc/systemd/system
  mkdir -p "$units"
  service=$(mktemp "$units/.jobrunner.XXXXXX")
  sed "s|/usr/local/bin/jobrunner|$prefix/bin/jobrunner|" "$unit" >"$service"
  chmod 0644 "$service"
  mv -f "$service" "$units/jobrunner.service"
  service=
fi
mv -f "$binary" "$bin/jobrunner"
binary=
printf 'installed %s\n' "$bin/jobrunner"
if [ -n "$unit" ]; then
  printf 'installed %s\n' "$units/jobrunner.service"
  printf 'next: settings in /etc/jobrunner/jobrunner.env, then systemctl daemon-reload && systemctl enable --now jobrunner\n'
fi
