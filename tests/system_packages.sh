#!/bin/sh
# Puts in place what the tests want beyond Python packages: Debian's PostgreSQL (Prefect's server wants pg_trgm,
# which no wheel has), git, ssh and node, and Azurite from npm into the folder named. As root on Debian or Ubuntu the
# packages are installed; elsewhere it says what is missing, and the tests that need it fail, none is skipped.
set -eu
azurite=$1
here=$(dirname "$0")
missing=
command -v git >/dev/null || missing="$missing git"
command -v ssh >/dev/null || missing="$missing openssh-client"
command -v npm >/dev/null || missing="$missing nodejs npm"
ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || missing="$missing postgresql"
if [ -n "$missing" ]; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "Installing$missing ..."
        # PostgreSQL's programs, not a server of the machine's.
        mkdir -p /etc/postgresql-common/createcluster.d
        echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.d/lakefs-gate-tests.conf
        apt-get update -qq
        # shellcheck disable=SC2086  # a list
        DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $missing >/dev/null
        missing=
    else
        echo "Some of the tests will fail, they want what is not here: apt-get install$missing" >&2
        command -v npm >/dev/null || exit 0
    fi
fi
mkdir -p "$azurite"
cp "$here/prefect/azurite/package.json" "$here/prefect/azurite/package-lock.json" "$azurite/"
npm ci --prefix "$azurite" --ignore-scripts --no-audit --no-fund --loglevel=error
if [ -z "$missing" ]; then touch "$azurite/.installed"; fi
