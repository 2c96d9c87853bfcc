package shim

import (
	"errors"

	"golang.org/x/sys/unix"
)

// join puts this thread, and so what is forked by it, into a network.
func (n *Network) join() error {
	if n == nil {
		return nil
	}
	if n.Namespace != "" {
		fd, err := unix.Open(n.Namespace, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return failed("open the network namespace "+n.Namespace, err)
		}
		if err := errors.Join(unix.Setns(fd, unix.CLONE_NEWNET), unix.Close(fd)); err != nil {
			return failed("enter the network namespace "+n.Namespace, err)
		}
	}
	return failed("give the task its hosts and resolv.conf", n.putFiles())
}

// putFiles lets this thread see other files, in a mount namespace that takes over what is
// mounted and unmounted outside of it.
func (n *Network) putFiles() error {
	if n.Hosts == "" && n.Resolv == "" {
		return nil
	}
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return err
	}
	if err := unix.Mount("", "/", "", unix.MS_SLAVE|unix.MS_REC, ""); err != nil {
		return err
	}
	for _, file := range [][2]string{{n.Hosts, "/etc/hosts"}, {n.Resolv, "/etc/resolv.conf"}} {
		if file[0] == "" {
			continue
		}
		if err := unix.Mount(file[0], file[1], "", unix.MS_BIND, ""); err != nil {
			return failed(file[1], err)
		}
	}
	return nil
}
