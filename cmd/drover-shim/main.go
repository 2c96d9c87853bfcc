// Command drover-shim holds one task of a node agent; see package shim.
package main

import "github.com/droverhq/drover/shim"

func main() { shim.Main() }
