#!/bin/sh
# Installs Pebble, the test authority for certificates (RFC 8555), with its DNS server. Only as root on Debian, and only
# when it is missing; elsewhere it changes nothing and the tests that miss it skip with that reason.
set -eu
command -v pebble >/dev/null 2>&1 && command -v pebble-challtestsrv >/dev/null 2>&1 && { echo "pebble: there"; exit 0; }
[ "$(id -u)" = 0 ] || { echo "pebble: not root, so nothing is installed"; exit 0; }
command -v apt-get >/dev/null 2>&1 || { echo "pebble: no apt-get here, so nothing is installed"; exit 0; }
echo "pebble: installing"
export DEBIAN_FRONTEND=noninteractive
apt-get update -q >/dev/null
apt-get install -y -q --no-install-recommends pebble >/dev/null
