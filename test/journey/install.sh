#!/bin/sh
# Installs the real clients and peers that the journey tests use. Only as root on Debian, and only what is missing;
# elsewhere it changes nothing and the journeys that miss a program skip with that reason.
set -eu
# Thunderbird is the largest by far: 90 MB to fetch, half a minute; it needs no X server.
packages="swaks libnet-ssleay-perl curl postfix isync fetchmail mutt dnsmasq-base offlineimap3 imapfilter getmail6 neomutt alpine aerc tmux thunderbird"
[ "$(id -u)" = 0 ] || { echo "journey programs: not root, so nothing is installed"; exit 0; }
command -v apt-get >/dev/null 2>&1 || { echo "journey programs: no apt-get here, so nothing is installed"; exit 0; }
missing=""
for package in $packages; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing="$missing $package"
done
[ -n "$missing" ] || { echo "journey programs: all there"; exit 0; }
echo "journey programs: installing$missing"
export DEBIAN_FRONTEND=noninteractive
# The distribution must not start its own mail server: a policy that denies every service start.
policy=/usr/sbin/policy-rc.d
made=no
if [ ! -e "$policy" ]; then printf '#!/bin/sh\nexit 101\n' >"$policy"; chmod 755 "$policy"; made=yes; fi
trap '[ "$made" = no ] || rm -f "$policy"' EXIT
apt-get update -q >/dev/null
apt-get install -y -q --no-install-recommends $missing >/dev/null
