//go:build !unix

package main

import "os"

// columns is the width of a terminal; 0 if that is not known.
func columns(*os.File) int { return 0 }
