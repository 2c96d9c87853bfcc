package network

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
)

// letIn lets packets for the bridge's allocations through the firewall, where the policy
// of forwarding is to drop (a container engine sets that). The chain stands before the
// rules of the firewall plugin, which let only answers in.
func (b Bridge) letIn(ctx context.Context) error {
	if err := letInto(ctx, "iptables", b.Name, b.Subnet); err != nil || b.SubnetIPv6 == "" {
		return err
	}
	return letInto(ctx, "ip6tables", b.Name, b.SubnetIPv6)
}

func letInto(ctx context.Context, program, bridge, subnet string) error {
	rule := []string{adminChain, "-o", bridge, "-d", subnet, "-j", "ACCEPT"}
	if iptables(ctx, program, append([]string{"-C"}, rule...)...) == nil {
		return nil
	}
	if iptables(ctx, program, "-n", "-L", adminChain) != nil {
		if err := iptables(ctx, program, "-N", adminChain); err != nil {
			return err
		}
	}
	return iptables(ctx, program, append([]string{"-A"}, rule...)...)
}

func iptables(ctx context.Context, program string, args ...string) error {
	out, err := exec.CommandContext(ctx, program, append([]string{"-w"}, args...)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w: %s", program, strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}

// dropRules removes the rules of an allocation that plugins have left because its
// namespace was gone before them. The plugins name the allocation in a comment.
func dropRules(ctx context.Context, allocID string) error {
	for _, program := range []string{"iptables", "ip6tables"} {
		saved, err := exec.CommandContext(ctx, program+"-save", "-t", "nat").Output()
		if err != nil {
			continue // what can't be listed is not used
		}
		changes := withoutRulesOf(string(saved), allocID)
		if changes == "" {
			continue
		}
		restore := exec.CommandContext(ctx, program+"-restore", "-w", "--noflush")
		restore.Stdin = strings.NewReader(changes)
		if out, err := restore.CombinedOutput(); err != nil {
			return fmt.Errorf("remove the rules of the allocation with %s-restore: %w: %s", program, err, strings.TrimSpace(string(out)))
		}
	}
	return nil
}

// withoutRulesOf returns what iptables-restore has to read to remove the rules of an
// allocation from a table that iptables-save has written; "" if it has none.
func withoutRulesOf(saved, allocID string) string {
	mark := `id: \"` + allocID + `\"`
	var rules, flush, remove strings.Builder
	seen := map[string]bool{}
	for line := range strings.Lines(saved) {
		rule, isRule := strings.CutPrefix(line, "-A ")
		chain, _, _ := strings.Cut(rule, " ")
		switch {
		case !isRule || !strings.Contains(rule, mark) || seen[chain]:
		case strings.HasPrefix(chain, "CNI-") && !strings.HasPrefix(chain, "CNI-HOSTPORT-"): // all of it is the allocation's
			seen[chain] = true
			flush.WriteString("-F " + chain + "\n")
			remove.WriteString("-X " + chain + "\n")
		default:
			rules.WriteString("-D " + rule)
		}
	}
	if rules.Len()+flush.Len() == 0 {
		return ""
	}
	return "*nat\n" + rules.String() + flush.String() + remove.String() + "COMMIT\n"
}
