//go:build !linux

package fingerprint

import "sync"

// watchKernel tells of nothing: one looks from time to time.
func watchKernel(func(), *sync.WaitGroup) ([]func() error, error) { return nil, nil }
