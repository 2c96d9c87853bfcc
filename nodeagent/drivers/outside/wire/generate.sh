#!/usr/bin/env bash
# Makes the *_gen.go files of the *.proto files. Needs protoc; the plugins are in PATH.
set -eu
cd "$(dirname "$0")/../.."
protoc -I . --go_out=. --go_opt=paths=source_relative --go-grpc_out=. --go-grpc_opt=paths=source_relative outside/wire/*.proto
cd outside/wire
for made in *.pb.go; do
	# Which protoc it was makes no difference.
	sed -E '\%^//[[:space:]-]*protoc(-gen-go(-grpc)?)?[[:space:]]+v%d; \%^// versions:$%d' "$made" >"${made%.pb.go}_gen.go"
	rm "$made"
done
