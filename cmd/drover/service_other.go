//go:build !windows

package main

import "context"

// service is for Windows only.
func service(func(context.Context) int) (code int, was bool) { return 0, false }
