#!/usr/bin/env bash
# Shows drover at work: starts a dev agent, applies a job, shows it, and says how to
# go on. Ctrl-C stops everything and cleans up; with DEMO_EXIT=1 that happens at the
# end by itself.
set -eu
cd "$(dirname "$0")/.."
drover=$PWD/bin/drover
work=$(mktemp -d)
agent=

cleanup() {
	trap - EXIT INT TERM
	if [ -n "$agent" ] && kill -INT "$agent" 2>/dev/null; then
		wait "$agent" 2>/dev/null || true
	fi
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 0' INT TERM

# Another agent may have the usual ports: take free ones then.
ports=()
if (exec 3<>/dev/tcp/127.0.0.1/4646) 2>/dev/null; then
	ports=(-http-port 14646 -rpc-port 14647 -raft-port 14649)
	export DROVER_ADDR=http://127.0.0.1:14646
else
	export DROVER_ADDR=http://127.0.0.1:4646
fi

say() { printf '\n\033[1m$ %s\033[0m\n' "$*"; }
run() {
	say "$@"
	"$drover" "${@:2}"
}

say drover agent -dev "${ports[@]}"
"$drover" agent -dev "${ports[@]}" >"$work/agent.log" 2>&1 &
agent=$!
for _ in $(seq 100); do
	[ -n "$("$drover" node status 2>/dev/null | grep -w ready)" ] && break
	if ! kill -0 "$agent" 2>/dev/null; then
		cat "$work/agent.log"
		exit 1
	fi
	sleep 0.1
done
sed -n 1,20p "$work/agent.log"

run drover node status
run drover apply config/samples/hello.nomad.hcl
run drover job status hello
alloc=$("$drover" job status hello | awk '$6 == "running" {print $1; exit}')
run drover alloc status "$alloc"
run drover alloc logs "$alloc"

cat <<EOF

drover runs, at $DROVER_ADDR. In another terminal you may go on:

  export DROVER_ADDR=$DROVER_ADDR
  bin/drover alloc logs -f $alloc
  bin/drover plan config/samples/hello.nomad.hcl     # change the file and plan again
  bin/drover apply config/samples                    # every sample job
  bin/drover job stop hello

The agent's log: $work/agent.log
EOF
[ "${DEMO_EXIT:-}" = 1 ] && exit 0
echo
echo "Ctrl-C stops the agent and its tasks and removes its data."
wait "$agent"
