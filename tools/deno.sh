#!/bin/sh
# Prints the path of the Deno to use; installs one from npm if necessary.
#
# usage: tools/deno.sh PINNED [EXACT]
#        tools/deno.sh --sums VERSION >>tools/deno.sums
#
# Without EXACT: a deno on PATH that is 2.7.11 or newer, otherwise PINNED from npm.
# With EXACT: exactly that version, from PATH or from npm.
# With --sums: prints the lines that tools/deno.sums lacks for VERSION, computed from what npm has now.
#
# A Deno from npm is installed under .tools/, below the project's folder: `deno compile` includes a node_modules beside
# the entry file or above it, but not this one. It must have the SHA-256 that tools/deno.sums pins, since npm trusts
# whatever registry or mirror it is configured with. The checksum is verified before the program is moved into .tools,
# not at each start: anyone who can change that folder later can also change this script.
set -eu

oldest=2.7.11
platforms='darwin-arm64 darwin-x64 linux-arm64-glibc linux-x64-glibc win32-arm64 win32-x64'
project=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
tools=$project/.tools
sums=$project/tools/deno.sums

fail() {
  printf '%s\n' "$1" >&2
  exit 1
}

version_of() {
  "$1" --version 2>/dev/null | sed -n '1s/^deno \([0-9][0-9.]*\).*/\1/p'
}

is_at_least() { # is_at_least VERSION OLDEST
  [ "$(printf '%s\n%s\n' "$2" "$1" | sort -t. -k1,1n -k2,2n -k3,3n | head -n 1)" = "$2" ]
}

program_in() { # program_in FOLDER
  for program in "$1"/node_modules/@deno/*/deno "$1"/node_modules/@deno/*/deno.exe; do
    if [ -f "$program" ]; then
      echo "$program"
      return
    fi
  done
  return 1
}

pinned_sum_of() { # pinned_sum_of VERSION/PLATFORM
  sed -n "s|^\([0-9a-f]*\)  $1\$|\1|p" "$sums"
}

sum_of() { # sum_of FILE: with node, which comes with npm
  node -e 'process.stdout.write(require("crypto").createHash("sha256").update(require("fs").readFileSync(0)).digest("hex"))' <"$1"
}

# Makes $staging, a folder that is removed when this script ends.
make_staging() {
  mkdir -p "$tools"
  # Removes the folders of killed runs.
  find "$tools" -maxdepth 1 -name 'installing.*' -mmin +60 -exec rm -rf {} +
  staging=$(mktemp -d "$tools/installing.XXXXXX")
  trap 'rm -rf "$staging"' EXIT
  trap 'exit 1' HUP INT TERM
}

if [ "$1" = --sums ]; then
  command -v npm >/dev/null || fail "npm was not found: install Node.js, then try again."
  make_staging
  for platform in $platforms; do
    [ -z "$(pinned_sum_of "$2/$platform")" ] || continue
    archive=$(npm pack --silent --pack-destination "$staging" "@deno/$platform@$2") || {
      echo "npm has no Deno $2 for $platform" >&2
      continue
    }
    mkdir "$staging/$platform"
    tar -xzf "$staging/$archive" -C "$staging/$platform"
    for program in "$staging/$platform"/package/deno "$staging/$platform"/package/deno.exe; do
      if [ -f "$program" ]; then
        sum=$(sum_of "$program")
        echo "$sum  $2/$platform"
      fi
    done
  done
  exit
fi

wanted=$1
exact=${2:-}
if found=$(command -v deno); then
  version=$(version_of "$found")
  if [ -n "$exact" ]; then
    [ "$version" = "$exact" ] && { echo "$found"; exit; }
  elif [ -n "$version" ] && is_at_least "$version" "$oldest"; then
    echo "$found"
    exit
  fi
fi

[ -n "$exact" ] && wanted=$exact
folder=$tools/deno-$wanted
program_in "$folder" && exit
command -v npm >/dev/null ||
  fail "Neither Deno $oldest or newer nor npm to install it was found: install Deno (https://docs.deno.com/runtime/) or Node.js, then try again."
echo "Installing Deno $wanted from npm into $folder" >&2
make_staging
mkdir "$staging/deno"
# The program itself is an optional dependency, one for each platform.
npm install --prefix "$staging/deno" --include=optional --ignore-scripts --no-audit --no-fund --no-save --loglevel=error "deno@$wanted" >&2
program=$(program_in "$staging/deno") ||
  fail "npm has no Deno $wanted for this platform: install Deno (https://docs.deno.com/runtime/) yourself, then try again."
platform=${program%/*}
platform=${platform##*/}
pinned=$(pinned_sum_of "$wanted/$platform")
[ -n "$pinned" ] ||
  fail "Deno $wanted for $platform: must have a SHA-256 in tools/deno.sums; to pin what npm has now: tools/deno.sh --sums $wanted >>tools/deno.sums"
actual=$(sum_of "$program")
[ "$actual" = "$pinned" ] ||
  fail "Deno $wanted for $platform from npm: must have the SHA-256 $pinned, as tools/deno.sums says, but it has $actual; it was removed"
chmod +x "$program"
# The folder contains no program, unless another run was faster.
program_in "$folder" && exit
rm -rf "$folder"
mv "$staging/deno" "$folder"
program_in "$folder"
