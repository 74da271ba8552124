#!/bin/sh
# Prints the path of the Deno to use; installs one from npm if need be.
#
# usage: tools/deno.sh PINNED [EXACT]
#
# Without EXACT: a deno on PATH that is 2.7.11 or newer, else PINNED from npm.
# With EXACT: that very version, from PATH or from npm.
#
# From npm, Deno is put under .tools/, below the project's folder: `deno compile` takes in a node_modules that lies
# beside the entry file or above it, but not this one.
set -eu

oldest=2.7.11
wanted=$1
exact=${2:-}
tools=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)/.tools

version_of() {
  "$1" --version 2>/dev/null | sed -n '1s/^deno \([0-9][0-9.]*\).*/\1/p'
}

is_at_least() { # is_at_least VERSION OLDEST
  [ "$(printf '%s\n%s\n' "$2" "$1" | sort -t. -k1,1n -k2,2n -k3,3n | head -n 1)" = "$2" ]
}

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
installed() {
  for program in "$folder"/node_modules/@deno/*/deno "$folder"/node_modules/@deno/*/deno.exe; do
    if [ -f "$program" ]; then
      echo "$program"
      return
    fi
  done
  return 1
}

installed && exit
command -v npm >/dev/null || {
  echo "There is no Deno $oldest or newer here, and no npm to get one with: install Deno (https://docs.deno.com/runtime/) or Node.js, then try again." >&2
  exit 1
}
echo "Installing Deno $wanted from npm into $folder" >&2
mkdir -p "$folder"
npm install --prefix "$folder" --ignore-scripts --no-audit --no-fund --no-save --loglevel=error "deno@$wanted" >&2
for program in "$folder"/node_modules/@deno/*/deno; do chmod +x "$program"; done
installed || {
  echo "npm has no Deno $wanted for this platform: install Deno (https://docs.deno.com/runtime/) yourself, then try again." >&2
  exit 1
}
