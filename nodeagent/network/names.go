package network

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/droverhq/drover/api"
)

// hostsText is the /etc/hosts of an allocation: the usual names, and its own.
func hostsText(status *api.AllocNetworkStatus, hostname string) string {
	var b strings.Builder
	b.WriteString("127.0.0.1\tlocalhost\n" +
		"::1\tlocalhost ip6-localhost ip6-loopback\n" +
		"fe00::0\tip6-localnet\n" +
		"ff00::0\tip6-mcastprefix\n" +
		"ff02::1\tip6-allnodes\n" +
		"ff02::2\tip6-allrouters\n")
	if hostname == "" {
		return b.String()
	}
	addresses := []string{status.Address, status.AddressIPv6}
	if addresses = slices.Compact(slices.DeleteFunc(addresses, func(a string) bool { return a == "" })); len(addresses) == 0 {
		addresses = []string{"127.0.0.1"}
	}
	b.WriteString("# the tasks of this allocation\n")
	for _, address := range addresses {
		fmt.Fprintf(&b, "%s\t%s\n", address, hostname)
	}
	return b.String()
}

// resolvText is an /etc/resolv.conf.
func resolvText(dns *api.DNSConfig) string {
	var b strings.Builder
	for _, server := range dns.Servers {
		fmt.Fprintf(&b, "nameserver %s\n", server)
	}
	if len(dns.Searches) > 0 {
		fmt.Fprintf(&b, "search %s\n", strings.Join(dns.Searches, " "))
	}
	if len(dns.Options) > 0 {
		fmt.Fprintf(&b, "options %s\n", strings.Join(dns.Options, " "))
	}
	return b.String()
}

// nodeResolv returns the node's own /etc/resolv.conf. Where that names systemd's server on
// the node's loopback, which other namespaces can't reach, it is the one with the real ones.
func nodeResolv(system string) ([]byte, error) {
	const stub = "127.0.0.53"
	own, err := os.ReadFile(filepath.Join(system, "etc/resolv.conf"))
	if err != nil || !strings.Contains(string(own), stub) {
		return own, err
	}
	if real, err := os.ReadFile(filepath.Join(system, "run/systemd/resolve/resolv.conf")); err == nil {
		return real, nil
	}
	return own, nil
}
