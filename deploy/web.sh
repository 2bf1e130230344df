#!/usr/bin/env bash
# The browser app's tools. Users need none of this: the built bundle is in the tree.
#   deploy/web.sh install   what its tests and its build need, from npm
#   deploy/web.sh build     rebuild the bundle
#   deploy/web.sh check     types, unit tests, and that the bundle in the tree is the build of its source
set -euo pipefail
cd "$(dirname "$0")/../replay/web"
say() { echo "web: $*" >&2; }

install() {
  local stamp=node_modules/.sallyport-lock
  if ! cmp -s package-lock.json "$stamp" 2>/dev/null; then
    say "installing from npm what package-lock.json names"
    npm ci --no-audit --no-fund --loglevel=error
    cp package-lock.json "$stamp"
  fi
}

# Vite 8 needs Node 20.19; Debian 12 brings 18, which is enough for the browser tests.
can_build() { node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)'; }

case ${1:-} in
  install) install ;;
  build)
    install
    can_build || { say "building needs Node 20.19 or newer; here is $(node --version)"; exit 1; }
    npm run --silent build
    npm run --silent build:export -- --logLevel warn
    ;;
  check)
    install
    if ! can_build; then
      say "left out: checking and rebuilding the bundle needs Node 20.19 or newer; here is $(node --version)"
      exit 0
    fi
    npm run --silent check
    npm test --silent
    built=$(mktemp -d)
    trap 'rm -rf "$built"' EXIT
    npm run --silent build -- --outDir "$built" --emptyOutDir --logLevel warn
    npm run --silent build:export -- --outDir "$built/export" --emptyOutDir --logLevel warn
    diff -r dist-export "$built/export" || { say "dist-export is not the build of src: run 'make web' and commit it"; exit 1; }
    rm -r "$built/export"
    diff -r dist "$built" || { say "dist is not the build of src: run 'make web' and commit it"; exit 1; }
    say "the bundle in the tree is the build of its source"
    ;;
  *) say "say what: install, build or check"; exit 2 ;;
esac
