package driver

import (
	"context"

	"github.com/droverhq/drover/api"
)

// Where a task finds its directories when its driver gives it a root of its own.
const (
	RootedAllocDir   = "/alloc"
	RootedTaskDir    = "/local"
	RootedSecretsDir = "/secrets"
)

// Rooter is a driver whose tasks have a root directory of their own. In it they find
// their directories at the Rooted paths, and their Mounts.
type Rooter interface {
	// Rooted reports whether a task with that config has a root of its own.
	Rooted(config map[string]any) bool
}

// Mount is a directory or file of the node that a task sees.
type Mount struct {
	Source   string // on the node, absolute
	Target   string // in the task's root, absolute
	ReadOnly bool
	// Propagation of mounts made later below it, as in api.VolumeMount: private (also
	// when empty), host-to-task, bidirectional.
	Propagation string
}

// Mounter is a driver that gives tasks their Mounts. Tasks with Mounts are not started
// by others.
type Mounter interface{ Mounts() }

// Network is the network that the tasks of an allocation share. The zero value is
// that of the node.
type Network struct {
	// Namespace is the path of the network namespace: /var/run/netns/ALLOCID. Empty:
	// that of the node.
	Namespace string
	// Owner is what a NetworkOwner knows its namespace by; empty if nobody owns it.
	Owner    string
	Hostname string // inside of it; empty: that of the node
	DNS      *api.DNSConfig
	// Hosts and Resolv are files on the node that tasks see as /etc/hosts and
	// /etc/resolv.conf; empty: those of the node, or of the task's image.
	Hosts, Resolv string
}

// Networker is a driver that can run tasks in a network namespace that is not the
// node's. Tasks of groups with such a network are not started by others.
type Networker interface{ Networks() }

// NetworkOwner is a Networker that can run tasks only in network namespaces that it
// has made itself (a container engine). One such driver makes the namespace of an
// allocation; the tasks of other Networkers join it.
type NetworkOwner interface {
	Networker
	// MakeNetwork makes a namespace without any interface but loopback, or returns
	// what an earlier call for the allocation made.
	MakeNetwork(ctx context.Context, allocID, hostname string) (Network, error)
	// RemoveNetwork removes it; it is no error when it is not there.
	RemoveNetwork(ctx context.Context, allocID string) error
}
