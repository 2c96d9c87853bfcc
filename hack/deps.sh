#!/usr/bin/env bash
# Installs what the tests need and the machine lacks: a C compiler for the race
# detector, python3 for the sample jobs that serve HTTP, ip for networks that are cut, CNI
# plugins with iptables for networks of allocations' own, a Java machine, and an engine for
# the driver docker, which the tests start themselves. On anything but Debian, or without
# root, it says what is missing.
set -eu
need=()
command -v gcc >/dev/null || need+=(gcc libc6-dev)
command -v python3 >/dev/null || need+=(python3)
command -v curl >/dev/null || need+=(curl)
command -v ip >/dev/null || need+=(iproute2)
command -v dockerd >/dev/null || need+=(docker.io)
command -v iptables >/dev/null || need+=(iptables)
[ -e /opt/cni/bin/bridge ] || [ -e /usr/lib/cni/bridge ] || [ -e /usr/libexec/cni/bridge ] || need+=(containernetworking-plugins)
command -v java >/dev/null || need+=(default-jre-headless)
[ ${#need[@]} = 0 ] && exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
	echo "the tests need these packages, please install them: ${need[*]}" >&2
	exit 1
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
# A package must not start what it brings: the tests start their own.
RUNLEVEL=1 apt-get install -q -y --no-install-recommends "${need[@]}"
