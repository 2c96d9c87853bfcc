// Package kernel finds out which kernel a node runs.
package kernel

import (
	"context"
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"

	"github.com/droverhq/drover/api"
)

// Fingerprint implements fingerprint.Fingerprinter.
type Fingerprint struct{}

// Name implements fingerprint.Fingerprinter.
func (Fingerprint) Name() string { return "kernel" }

// Run implements fingerprint.Fingerprinter.
func (Fingerprint) Run(context.Context) (func(*api.Node), error) {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return nil, fmt.Errorf("uname: %w", err)
	}
	landlock := landlockVersion()
	return func(n *api.Node) {
		n.Attributes["kernel.name"] = runtime.GOOS
		n.Attributes["kernel.version"] = unix.ByteSliceToString(u.Release[:])
		n.Attributes["kernel.arch"] = unix.ByteSliceToString(u.Machine[:])
		if landlock > 0 {
			n.Attributes["kernel.landlock"] = fmt.Sprintf("v%d", landlock)
		}
	}, nil
}

// landlockVersion asks the kernel for the version of its Landlock interface; 0 if it
// has none. See landlock_create_ruleset(2).
func landlockVersion() int {
	v, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return 0
	}
	return int(v)
}
