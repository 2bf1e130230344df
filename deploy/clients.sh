#!/usr/bin/env bash
# Installs node's PostgreSQL client for the tests, from npm, as package-lock.json names it.
set -euo pipefail
cd "$(dirname "$0")/../cmd/sallyport/testdata/clients"
stamp=node_modules/.sallyport-lock
if ! cmp -s package-lock.json "$stamp" 2>/dev/null; then
  echo "clients: installing from npm what package-lock.json names" >&2
  npm ci --no-audit --no-fund --loglevel=error
  cp package-lock.json "$stamp"
fi
