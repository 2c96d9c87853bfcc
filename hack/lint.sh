#!/usr/bin/env bash
# Checks the code; prints what is wrong and exits with 1 if anything is.
# `make lint` builds the tools that it needs.
set -u
cd "$(dirname "$0")/.."
tools=$PWD/bin/tools
failed=0

check() { # check NAME COMMAND…
	local name=$1 out
	shift
	if ! out=$("$@" 2>&1) || { [ -n "$out" ] && [ "$name" = format ]; }; then
		printf '%s:\n%s\n' "$name" "$out"
		failed=1
	fi
}

format() {
	git ls-files -z '*.go' | grep -zv '_gen\.go$' | xargs -0 "$tools/gofumpt" -l
}

# Generated files must be what the generators make of the sources as they are.
generated() {
	local before after
	before=$(git ls-files -z '*_gen.go' | xargs -0 sha256sum)
	PATH=$tools:$PATH go generate ./... >/dev/null || return 1
	after=$(git ls-files -z '*_gen.go' | xargs -0 sha256sum)
	if [ "$before" != "$after" ]; then
		echo "stale: run make generate and commit the result"
		diff <(echo "$before") <(echo "$after")
		return 1
	fi
}

check format format
check generated generated
check vet go vet ./...
for os in darwin windows; do
	check "vet for $os" env GOOS=$os CGO_ENABLED=0 go vet ./cmd/drover ./nodeagent/drivers/rawexec
done
check staticcheck "$tools/staticcheck" ./...
check errcheck "$tools/errcheck" -exclude hack/errcheck-exclude.txt ./...
check imports go test ./test/arch
[ $failed = 0 ] && echo "lint: ok"
exit $failed
