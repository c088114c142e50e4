#!/bin/sh
# Writes the secrets that compose.yaml wants, random, to deploy/.env (or the file named), which must not be there.
# Beside a lakeFS of one's own, put its address, keys and hook token (LAKEFSACTION_GATE_TOKEN) into it instead.
set -euC
umask 077
random() { od -An -N"$1" -tx1 /dev/urandom | tr -d ' \n'; }
cat >"${1:-$(dirname "$0")/.env}" <<END
GATE_HOOK_TOKEN=$(random 32)
GATE_API_TOKEN=$(random 32)
POSTGRES_PASSWORD=$(random 24)
LAKEFS_ACCESS_KEY_ID=AKIA$(random 8 | tr 'a-f' 'A-F')
LAKEFS_SECRET_ACCESS_KEY=$(random 20)
LAKEFS_AUTH_ENCRYPT_SECRET_KEY=$(random 32)
MINIO_ROOT_PASSWORD=$(random 24)
JUPYTER_TOKEN=$(random 24)
# LAKECTL_SERVER_ENDPOINT_URL=https://lakefs.example.org
# GATE_PUBLIC_URL=http://this-machine:8090
# GATE_EXPECTATIONS=/srv/expectations
# BIND=0.0.0.0
END
