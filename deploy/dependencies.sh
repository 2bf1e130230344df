#!/usr/bin/env bash
# Installs from Debian's packages what a step needs and this machine lacks.
#   deploy/dependencies.sh demo|test|bench
set -euo pipefail

step=${1:-}
say() { echo "dependencies: $*" >&2; }
fail() { say "$*"; exit 1; }

# command or file that must be there, then the Debian package that brings it
demo=(
  "/usr/lib/postgresql/*/bin/initdb postgresql"
  "psql postgresql-client"
)
test=(
  "${demo[@]}"
  "/usr/lib/postgresql/*/bin/pgbench postgresql-contrib"
  "chromium chromium"
  "node nodejs"
  "npm npm"
  "curl curl"
  "/usr/lib/python3/dist-packages/psycopg2/__init__.py python3-psycopg2"
  "/usr/lib/python3/dist-packages/aiosmtpd/__init__.py python3-aiosmtpd"
  "javac default-jdk-headless"
  "/usr/share/java/postgresql.jar libpostgresql-jdbc-java"
  "/usr/sbin/sshd openssh-server"
  "ssh openssh-client"
  "/usr/lib/openssh/sftp-server openssh-sftp-server"
  "/usr/sbin/dropbear dropbear-bin"
  "dbclient dropbear-bin"
  "/usr/lib/*/libnss_wrapper.so libnss-wrapper"
  "plink putty-tools"
  "/usr/lib/python3/dist-packages/paramiko/__init__.py python3-paramiko"
  "ansible-playbook ansible-core"
  "rsync rsync"
  "sshpass sshpass"
  "git git"
  "/usr/share/simplesamlphp/www simplesamlphp"
  "php php-cli"
  "/usr/lib/php/*/mbstring.so php-mbstring"
  "/usr/lib/php/*/dom.so php-xml"
)
bench=(
  "${demo[@]}"
  "/usr/lib/postgresql/*/bin/pgbench postgresql-contrib"
  "/usr/sbin/pgbouncer pgbouncer"
  "/usr/sbin/sshd openssh-server"
  "scp openssh-client"
  "/usr/lib/openssh/sftp-server openssh-sftp-server"
)

case $step in
  demo) needs=("${demo[@]}") ;;
  test) needs=("${test[@]}") ;;
  bench) needs=("${bench[@]}") ;;
  *) fail "say what for: demo, test or bench" ;;
esac

there() { case $1 in /*) compgen -G "$1" >/dev/null ;; *) command -v "$1" >/dev/null ;; esac; }

missing=()
for need in "${needs[@]}"; do
  read -r what package <<<"$need"
  there "$what" || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

command -v apt-get >/dev/null ||
  fail "this needs ${missing[*]}, and installs them only on Debian: install them by hand and try again"
[ "$(id -u)" = 0 ] ||
  fail "this needs ${missing[*]}: install them with 'sudo apt-get install ${missing[*]}' and try again"

say "installing ${missing[*]} from Debian's packages"
export DEBIAN_FRONTEND=noninteractive
# No cluster is wanted: what is needed here is started on free ports and thrown away.
mkdir -p /etc/postgresql-common/createcluster.d
echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.d/sallyport.conf
apt-get update -qq || fail "apt-get update failed: is this machine connected to a package mirror?"
apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null ||
  fail "apt-get could not install ${missing[*]}; its message is above"
