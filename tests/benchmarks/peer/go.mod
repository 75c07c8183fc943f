module example.org/navidrome-workbench/benchmark-peer

go 1.25

require (
	github.com/navidrome/navidrome v0.59.0
	github.com/tetratelabs/wazero v1.10.1
)

require (
	github.com/knqyf263/go-plugin v0.9.0 // indirect
	google.golang.org/protobuf v1.36.10 // indirect
)
