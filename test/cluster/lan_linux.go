package cluster

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// LAN is a network of the test's own: hosts on a switch, each a network namespace that
// nothing of the machine's network can be reached from, nor reach. The namespaces have no
// names, so they go with their last process, however the test ends.
type LAN struct {
	t      testing.TB
	floor  namespace // where the switch stands
	placed int       // hosts so far
}

// NewLAN makes a network without hosts. The test is skipped where that can't be: it takes
// root, and ip.
func NewLAN(t testing.TB) *LAN {
	t.Helper()
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skipf("%s was not run, it needs a network of its own: %v (make deps installs it)", t.Name(), err)
	}
	floor, err := newNamespace(t)
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOSYS) {
		t.Skipf("%s was not run, it needs a network of its own: %v (as root it may be made)", t.Name(), err)
	}
	if err != nil {
		t.Fatal(err)
	}
	l := &LAN{t: t, floor: floor}
	if err := l.floor.ip("link", "add", "switch", "up", "type", "bridge"); err != nil {
		t.Skipf("%s was not run, it needs a network of its own: %v", t.Name(), err)
	}
	return l
}

// Host is a machine on a LAN.
type Host struct {
	Place

	lan  *LAN
	port string // of the switch
}

// Host adds a host, and plugs it in.
func (l *LAN) Host() *Host {
	l.t.Helper()
	inside, err := newNamespace(l.t)
	if err != nil {
		l.t.Fatal(err)
	}
	l.placed++
	h := &Host{lan: l, port: fmt.Sprintf("port%d", l.placed)}
	h.Address, h.Enter = fmt.Sprintf("10.0.0.%d", l.placed), inside.enter
	for _, err := range []error{
		l.floor.ip("link", "add", h.port, "up", "master", "switch", "type", "veth", "peer", "name", "eth0", "netns", inside.path()),
		inside.ip("link", "set", "lo", "up"),
		inside.ip("address", "add", h.Address+"/24", "dev", "eth0"),
		inside.ip("link", "set", "eth0", "up"),
	} {
		if err != nil {
			l.t.Fatal(err)
		}
	}
	return h
}

// Unplug cuts the host off, until Plug or the test's end.
func (h *Host) Unplug() {
	h.lan.t.Helper()
	h.lan.t.Cleanup(h.Plug)
	h.switchPort("down")
}

// Plug lets the others reach the host again.
func (h *Host) Plug() {
	h.lan.t.Helper()
	h.switchPort("up")
}

func (h *Host) switchPort(state string) {
	h.lan.t.Helper()
	if err := h.lan.floor.ip("link", "set", h.port, state); err != nil {
		h.lan.t.Error(err)
	}
}

// namespace is a network namespace, which is there for as long as its file is open or a
// process is in it.
type namespace struct{ file *os.File }

// newNamespace makes one for the time of a test.
func newNamespace(t testing.TB) (namespace, error) {
	var n namespace
	err := onThreadOfItsOwn(func() (err error) {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("make a network namespace: %w", err)
		}
		n.file, err = os.Open("/proc/thread-self/ns/net")
		return err
	})
	if err == nil {
		t.Cleanup(func() {
			if err := n.file.Close(); err != nil {
				t.Errorf("leave a network namespace: %v", err)
			}
		})
	}
	return n, err
}

// path is where other processes find the namespace.
func (n namespace) path() string { return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), n.file.Fd()) }

// enter calls f in the namespace: sockets and processes that it makes belong there.
func (n namespace) enter(f func() error) error {
	return onThreadOfItsOwn(func() error {
		if err := unix.Setns(int(n.file.Fd()), unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("enter a network namespace: %w", err)
		}
		return f()
	})
}

func (n namespace) ip(args ...string) error {
	return n.enter(func() error {
		if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
			return fmt.Errorf("ip %v: %w: %s", args, err, out)
		}
		return nil
	})
}

// onThreadOfItsOwn calls f on a thread that nothing else runs on, and that ends with it:
// it is the thread that is in a namespace.
func onThreadOfItsOwn(f func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // for good
		done <- f()
	}()
	return <-done
}
