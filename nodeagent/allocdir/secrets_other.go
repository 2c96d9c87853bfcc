//go:build !linux

package allocdir

import "errors"

// ProbeSecrets says why the secrets of tasks can't be kept in memory.
func ProbeSecrets() error { return errors.New("this system has no tmpfs") }

// MountSecrets does nothing: see ProbeSecrets.
func (Dir) MountSecrets(string, string, int) error { return nil }

// UnmountSecrets does nothing: see ProbeSecrets.
func (Dir) UnmountSecrets() error { return nil }
