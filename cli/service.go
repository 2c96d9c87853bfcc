package cli

import (
	"context"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/api/client"
)

func (c *cli) service() *cobra.Command {
	return noun("service", "See the services that jobs offer, and where they are found",
		c.serviceList(), c.serviceInfo(), c.serviceDelete())
}

const noServices = "No service registrations found"

func (c *cli) serviceList() *cobra.Command {
	form := new(form)
	cmd := c.verb("list", "List the services with their tags",
		`With -namespace '*', those of all namespaces.`, cobra.NoArgs,
		func(ctx context.Context, cl *client.Client, _ []string) error {
			lists, _, err := cl.Services.List(ctx, client.Query{})
			if err != nil {
				return fmt.Errorf("Error listing service registrations: %w", err)
			}
			if form.asked() {
				return form.print(c.Out, lists)
			}
			if len(lists) == 0 {
				fmt.Fprintln(c.Out, noServices)
				return nil
			}
			fmt.Fprint(c.Out, serviceTable(lists, c.anyNamespace() == "*" && c.conn.namespace != ""))
			return nil
		})
	form.register(cmd.Flags())
	return cmd
}

func serviceTable(lists []*api.ServiceList, namespaces bool) string {
	rows := [][]string{{"Service Name", "Tags"}}
	if namespaces {
		rows = [][]string{{"Service Name", "Namespace", "Tags"}}
	}
	for _, list := range lists {
		for _, s := range list.Services {
			row := []string{s.ServiceName, tagList(s.Tags)}
			if namespaces {
				row = []string{s.ServiceName, list.Namespace, tagList(s.Tags)}
			}
			rows = append(rows, row)
		}
	}
	return table(rows)
}

func tagList(tags []string) string { return "[" + strings.Join(tags, ",") + "]" }

func (c *cli) serviceInfo() *cobra.Command {
	var verbose bool
	var q client.Query
	form := new(form)
	cmd := c.verb("info SERVICE", "Show where a service is found", "", cobra.ExactArgs(1),
		func(ctx context.Context, cl *client.Client, args []string) error {
			all, meta, err := cl.Services.Get(ctx, args[0], q)
			if err != nil {
				return fmt.Errorf("Error listing service registrations: %w", err)
			}
			if form.asked() {
				return form.print(c.Out, all)
			}
			switch {
			case len(all) == 0:
				fmt.Fprintln(c.Out, noServices)
			case verbose:
				fmt.Fprint(c.Out, serviceDetails(all))
			default:
				fmt.Fprint(c.Out, serviceInstances(all))
			}
			if meta.NextToken != "" {
				fmt.Fprintf(c.Out, "\nResults have been paginated. To get the next page run:\n\n%s -page-token %s\n", "drover service info "+args[0], meta.NextToken)
			}
			return nil
		})
	f := cmd.Flags()
	f.BoolVar(&verbose, "verbose", false, "all that is known of each instance, with full IDs")
	f.StringVar(&q.Filter, "filter", "", "only instances that an `expression` is true of, such as 'Tags contains \"v2\"'")
	f.IntVar(&q.PerPage, "per-page", 0, "how `many` instances to show at most")
	f.StringVar(&q.NextToken, "page-token", "", "where to go on, as the page before said")
	form.register(f)
	return cmd
}

func serviceAddress(r *api.ServiceRegistration) string {
	if r.Port == 0 {
		return r.Address
	}
	return net.JoinHostPort(r.Address, strconv.Itoa(r.Port))
}

func serviceInstances(all []*api.ServiceRegistration) string {
	rows := [][]string{{"Job ID", "Address", "Tags", "Node ID", "Alloc ID"}}
	for _, r := range all {
		rows = append(rows, []string{r.JobID, serviceAddress(r), tagList(r.Tags), shortIDs.of(r.NodeID), shortIDs.of(r.AllocID)})
	}
	return table(rows)
}

func serviceDetails(all []*api.ServiceRegistration) string {
	var parts []string
	for _, r := range all {
		facts := []string{
			"ID", r.ID, "Service Name", r.ServiceName, "Namespace", r.Namespace, "Job ID", r.JobID, "Alloc ID", r.AllocID,
			"Node ID", r.NodeID, "Datacenter", r.Datacenter, "Address", serviceAddress(r), "Tags", tagList(r.Tags),
		}
		if len(r.Meta) > 0 {
			facts = append(facts, "Meta", metaList(r.Meta))
		}
		parts = append(parts, pairs(facts...))
	}
	return strings.Join(parts, "\n")
}

func metaList(meta map[string]string) string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(meta)) {
		list = append(list, name+"="+meta[name])
	}
	return strings.Join(list, ", ")
}

func (c *cli) serviceDelete() *cobra.Command {
	return c.verb("delete SERVICE ID", "Take an instance of a service out of the register",
		"ID is that of the instance: drover service info -verbose SERVICE shows it. The\n"+
			"instance runs on, and its service is not found until another allocation takes its\nplace.", cobra.ExactArgs(2),
		func(ctx context.Context, cl *client.Client, args []string) error {
			if err := cl.Services.Delete(ctx, args[0], args[1], client.Query{}); err != nil {
				return fmt.Errorf("Error deleting service registration: %w", err)
			}
			fmt.Fprintln(c.Out, "Successfully deleted service registration")
			return nil
		})
}
