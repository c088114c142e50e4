#!/bin/sh
# Puts in place what the tests in a browser want beyond Python packages: a Chromium (Debian's, as root there; else
# Playwright's own, where it can be had) with a font, and axe from npm into the folder named. Without them these tests
# fail, none is skipped.
set -eu
folder=$1
here=$(dirname "$0")
missing=
command -v chromium >/dev/null || command -v google-chrome >/dev/null || missing="$missing chromium fonts-dejavu-core"
command -v npm >/dev/null || missing="$missing nodejs npm"
if [ -n "$missing" ]; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "Installing$missing ..."
        apt-get update -qq
        # shellcheck disable=SC2086  # a list
        DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $missing >/dev/null
    else
        "$folder/../bin/playwright" install chromium ||
            echo "The tests in a browser will fail, they want what is not here: apt-get install$missing" >&2
        command -v npm >/dev/null || exit 0
    fi
fi
mkdir -p "$folder"
cp "$here/package.json" "$here/package-lock.json" "$folder/"
npm ci --prefix "$folder" --ignore-scripts --no-audit --no-fund --loglevel=error
touch "$folder/.installed"
