package isolated

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// capSet is a set of capabilities: bit n is capability n of the kernel.
type capSet uint64

// capNumbers are the kernel's, without CAP_.
var capNumbers = map[string]int{
	"chown": 0, "dac_override": 1, "dac_read_search": 2, "fowner": 3, "fsetid": 4, "kill": 5, "setgid": 6, "setuid": 7,
	"setpcap": 8, "linux_immutable": 9, "net_bind_service": 10, "net_broadcast": 11, "net_admin": 12, "net_raw": 13,
	"ipc_lock": 14, "ipc_owner": 15, "sys_module": 16, "sys_rawio": 17, "sys_chroot": 18, "sys_ptrace": 19, "sys_pacct": 20,
	"sys_admin": 21, "sys_boot": 22, "sys_nice": 23, "sys_resource": 24, "sys_time": 25, "sys_tty_config": 26, "mknod": 27,
	"lease": 28, "audit_write": 29, "audit_control": 30, "setfcap": 31, "mac_override": 32, "mac_admin": 33, "syslog": 34,
	"wake_alarm": 35, "block_suspend": 36, "audit_read": 37, "perfmon": 38, "bpf": 39, "checkpoint_restore": 40,
}

// DefaultCaps are the capabilities that tasks have, and may have, where nobody says
// anything else.
func DefaultCaps() []string {
	return []string{
		"audit_write", "chown", "dac_override", "fowner", "fsetid", "kill", "mknod", "net_bind_service",
		"setfcap", "setgid", "setpcap", "setuid", "sys_chroot",
	}
}

// parseCaps reads names of capabilities, in any case and with or without CAP_; all is
// every one.
func parseCaps(names []string) (capSet, error) {
	var set capSet
	for _, name := range names {
		short := strings.TrimPrefix(strings.ToLower(name), "cap_")
		if short == "all" {
			for _, n := range capNumbers {
				set |= 1 << n
			}
			continue
		}
		n, known := capNumbers[short]
		if !known {
			return 0, fmt.Errorf("%q is not a capability", name)
		}
		set |= 1 << n
	}
	return set, nil
}

// names returns the names, in order, with a prefix and, if there is one, in capitals.
func (s capSet) names(prefix string) []string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(capNumbers)) {
		if s&(1<<capNumbers[name]) == 0 {
			continue
		}
		if prefix != "" {
			name = prefix + strings.ToUpper(name)
		}
		list = append(list, name)
	}
	return list
}

// decideCaps returns what a task has: of the default what the node allows, without
// what the task drops, and what it adds. It may add only what the node allows.
func decideCaps(allowed, add, drop capSet) (capSet, error) {
	if missing := add &^ allowed; missing != 0 {
		return 0, fmt.Errorf("this node's driver does not allow %s: see allow_caps", strings.Join(missing.names(""), ", "))
	}
	standard, err := parseCaps(DefaultCaps())
	return standard&allowed&^drop | add, err
}
