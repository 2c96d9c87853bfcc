package fingerprint

import (
	"errors"
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// kernelNews are the groups of netlink(7) that tell of a machine's parts.
var kernelNews = []struct {
	name     string
	protocol int
	groups   uint32
}{
	{"network", unix.NETLINK_ROUTE, unix.RTMGRP_LINK | unix.RTMGRP_IPV4_IFADDR | unix.RTMGRP_IPV6_IFADDR | unix.RTMGRP_IPV4_ROUTE},
	{"devices", unix.NETLINK_KOBJECT_UEVENT, 1}, // straight from the kernel
}

// watchKernel tells of what the kernel says. The functions that it returns end that.
func watchKernel(tell func(), watching *sync.WaitGroup) ([]func() error, error) {
	var stops []func() error
	var wrong []error
	for _, news := range kernelNews {
		file, err := subscribe(news.protocol, news.groups)
		if err != nil {
			wrong = append(wrong, fmt.Errorf("listen to the kernel's news of the %s: %w", news.name, err))
			continue
		}
		stops = append(stops, file.Close)
		watching.Go(func() {
			message := make([]byte, os.Getpagesize())
			for {
				if _, err := file.Read(message); err != nil && !errors.Is(err, unix.ENOBUFS) { // that: some were lost
					return
				}
				tell()
			}
		})
	}
	return stops, errors.Join(wrong...)
}

func subscribe(protocol int, groups uint32) (*os.File, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, protocol)
	if err != nil {
		return nil, err
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: groups}); err != nil {
		return nil, errors.Join(err, unix.Close(fd))
	}
	return os.NewFile(uintptr(fd), "netlink"), nil
}
