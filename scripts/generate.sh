#!/bin/sh
# Regenerates the Go code of the services' APIs from their .proto files.
# Needs protoc, protoc-gen-go v1.36 and protoc-gen-micro v1.0 in PATH.
set -eu
cd "$(dirname "$0")/.."
for proto in services/*/api/*.proto; do
	dir=$(dirname "$proto")
	protoc -I "$dir" --go_out="$dir" --go_opt=paths=source_relative \
		--micro_out="$dir" --micro_opt=paths=source_relative "$(basename "$proto")"
	# The endpoint table is for go-micro's HTTP gateway. Its package links an ACME
	# client and more into every process; nothing here uses it.
	micro="${proto%.proto}.pb.micro.go"
	sed -i -e '/go-micro.dev\/v4\/api"/d' -e '/^var _ api.Endpoint/d' \
		-e '/^\/\/ Api Endpoints for/d' -e '/^func New.*Endpoints() \[\]\*api.Endpoint {/,/^}/d' "$micro"
	gofmt -w "$micro"
done
