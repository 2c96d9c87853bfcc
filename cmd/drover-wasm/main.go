// Command drover-wasm runs one WebAssembly module, the task of a node agent; see
// package runner.
package main

import "github.com/droverhq/drover/nodeagent/drivers/wasm/runner"

func main() { runner.Main() }
