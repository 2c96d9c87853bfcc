package docker

import (
	"slices"
	"strings"
)

// engineCaps are the capabilities that the engine gives a container of which nothing is
// said.
var engineCaps = []string{
	"audit_write", "chown", "dac_override", "fowner", "fsetid", "kill", "mknod", "net_bind_service",
	"net_raw", "setfcap", "setgid", "setpcap", "setuid", "sys_chroot",
}

// capabilities returns those that a task has: what the engine gives as far as it is
// allowed, without drop, with add. Of add, denied are those that are not allowed.
func capabilities(allowed, add, drop []string) (has, denied []string) {
	may := func(name string) bool { return slices.Contains(allowed, "all") || slices.Contains(allowed, name) }
	if !slices.Contains(drop, "all") {
		for _, name := range engineCaps {
			if may(name) && !slices.Contains(drop, name) {
				has = append(has, name)
			}
		}
	}
	for _, name := range add {
		switch {
		case name == "all" && !slices.Contains(allowed, "all"):
			has = append(has, allowed...)
		case may(name):
			has = append(has, name)
		default:
			denied = append(denied, name)
		}
	}
	slices.Sort(has)
	return slices.Compact(has), denied
}

// engineCapNames returns names as the engine has them: CAP_NET_RAW.
func engineCapNames(list []string) []string {
	out := make([]string, len(list))
	for i, name := range list {
		if out[i] = strings.ToUpper(name); out[i] != "ALL" {
			out[i] = "CAP_" + out[i]
		}
	}
	return out
}
