#!/usr/bin/env bash
# Installs what the tests need and the machine lacks: a C compiler for the race
# detector, python3 for the sample jobs that serve HTTP, ip for networks that are cut, CNI
# plugins with iptables for networks of allocations' own, a Java machine, an emulator, an
# engine for the driver docker, which the tests start themselves, and the compiler of the
# protocol of driver programs. On anything but Debian, or without root, it says what is
# missing.
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
command -v qemu-system-x86_64 >/dev/null || need+=(qemu-system-x86)
command -v protoc >/dev/null || need+=(protobuf-compiler libprotobuf-dev)
[ ${#need[@]} = 0 ] && exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
	echo "the tests need these packages, please install them: ${need[*]}" >&2
	exit 1
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
# A package must not start what it brings: the tests start their own.
RUNLEVEL=1 apt-get install -q -y --no-install-recommends "${need[@]}"
