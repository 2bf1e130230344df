#!/usr/bin/env bash
# Installs for the tests, from npm, what package-lock.json names: node's PostgreSQL client, an OpenID provider, asciinema's player.
set -euo pipefail
cd "$(dirname "$0")/../cmd/sallyport/testdata"
for place in clients oidc-provider cast-player; do
  (
    cd "$place"
    stamp=node_modules/.sallyport-lock
    if ! cmp -s package-lock.json "$stamp" 2>/dev/null; then
      echo "clients: installing from npm what $place/package-lock.json names" >&2
      npm ci --no-audit --no-fund --loglevel=error
      cp package-lock.json "$stamp"
    fi
  )
done
