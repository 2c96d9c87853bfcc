package cli

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/api/client"
)

func (c *cli) allocChecks() *cobra.Command {
	var verbose bool
	form := new(form)
	cmd := c.verb("checks ALLOC", "Show how the checks of an allocation's services do",
		"ALLOC may be the beginning of an allocation's ID. Only services with provider\n\"nomad\" have checks that the cluster makes. Should the allocation's node be out of\nreach, what it last reported is shown.", cobra.ExactArgs(1),
		func(ctx context.Context, cl *client.Client, args []string) error {
			stub, err := c.findAlloc(ctx, cl, args[0])
			if err != nil {
				return err
			}
			checks, err := checksOf(ctx, cl, stub.ID, stub.Namespace)
			if err != nil {
				return fmt.Errorf("Error querying allocation checks: %w", err)
			}
			if form.asked() {
				return form.print(c.Out, checks)
			}
			if len(checks) == 0 {
				fmt.Fprintln(c.Out, "Allocation has no service checks that are made now")
				return nil
			}
			fmt.Fprintf(c.Out, "Status of %d Nomad Service Checks\n\n", len(checks))
			for _, check := range checkOrder(checks) {
				fmt.Fprintln(c.Out, checkDetails(check))
			}
			return nil
		})
	cmd.Flags().BoolVar(&verbose, "verbose", false, "has no effect: all is shown anyway")
	form.register(cmd.Flags())
	return cmd
}

// checksOf asks an allocation's node how its checks do, or the servers if the node is
// out of reach or knows the allocation no more.
func checksOf(ctx context.Context, cl *client.Client, alloc, namespace string) (map[string]*api.CheckResult, error) {
	q := client.Query{Namespace: namespace}
	checks, err := cl.Allocations.Checks(ctx, alloc, q)
	if err == nil {
		return checks, nil
	}
	return cl.Allocations.LastChecks(ctx, alloc, q)
}

func checkOrder(checks map[string]*api.CheckResult) []*api.CheckResult {
	return slices.SortedFunc(maps.Values(checks), func(a, b *api.CheckResult) int {
		return cmp.Or(cmp.Compare(a.Task, b.Task), cmp.Compare(a.Service, b.Service), cmp.Compare(a.Check, b.Check), cmp.Compare(a.ID, b.ID))
	})
}

func ofTask(check *api.CheckResult) string {
	if check.Task == "" {
		return "(group)"
	}
	return check.Task
}

func checkDetails(c *api.CheckResult) string {
	facts := []string{
		"ID", c.ID, "Name", c.Check, "Group", c.Group, "Task", ofTask(c), "Service", c.Service, "Status", c.Status,
	}
	if c.StatusCode != 0 {
		facts = append(facts, "StatusCode", strconv.Itoa(c.StatusCode))
	}
	facts = append(facts, "Mode", c.Mode, "Timestamp", time.Unix(c.Timestamp, 0).Format(timeFormat), "Output", strings.TrimSpace(c.Output))
	var rows [][]string
	for i := 0; i < len(facts); i += 2 {
		rows = append(rows, []string{facts[i], "=", facts[i+1]})
	}
	return table(rows)
}

// checkTable is the checks of an allocation among what else is shown of it.
func checkTable(checks map[string]*api.CheckResult) string {
	if len(checks) == 0 {
		return ""
	}
	rows := [][]string{{"Service", "Task", "Name", "Mode", "Status"}}
	for _, c := range checkOrder(checks) {
		rows = append(rows, []string{c.Service, ofTask(c), c.Check, c.Mode, c.Status})
	}
	return "\nNomad Service Checks:\n" + table(rows)
}

// addFailingChecks adds to a text which checks of an allocation do not pass, and why.
func (m *monitor) addFailingChecks(ctx context.Context, text string, a *api.AllocationListStub) (string, error) {
	if a.ClientStatus != api.AllocClientRunning {
		return text, nil
	}
	checks, err := m.cl.Allocations.LastChecks(ctx, a.ID, client.Query{Namespace: a.Namespace})
	if err != nil {
		return "", fmt.Errorf("Error querying allocation checks: %w", err)
	}
	for _, c := range checkOrder(checks) {
		if c.Mode != api.CheckHealthiness || c.Status == api.CheckSuccess {
			continue
		}
		text += fmt.Sprintf("    check %q of service %s: %s", c.Check, c.Service, c.Status)
		if c.StatusCode != 0 {
			text += fmt.Sprintf(" (status %d)", c.StatusCode)
		} else if why, _, _ := strings.Cut(strings.TrimSpace(c.Output), "\n"); why != "" {
			text += ": " + why
		}
		text += "\n"
	}
	return text, nil
}
