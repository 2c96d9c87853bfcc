package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/api/client"
)

func (c *cli) controllers() *cobra.Command {
	var as form
	cmd := c.verb("controllers [NAME [KEY]]", "Show what controllers do, and why one waits",
		`Of the server at hand: how many keys wait for each controller and how many are being
worked on, how many passes it made, how many of them failed, how long keys waited for a
worker and passes took on average, and the last error.

With NAME, what the controller reads and writes. With KEY, which is an ID or
NAMESPACE/ID, why the controller works on it, or does not, as in
drover operator controllers job default/web.`, cobra.MaximumNArgs(2),
		func(ctx context.Context, cl *client.Client, args []string) error {
			if len(args) == 0 {
				list, err := cl.Operator.Controllers(ctx)
				return c.shown(err, &as, list, func() string { return leadText(list) + controllersText(list.Controllers) })
			}
			key := ""
			if len(args) == 2 {
				key = args[1]
			}
			list, err := cl.Operator.Controller(ctx, args[0], key)
			return c.shown(err, &as, list, func() string {
				if key != "" {
					return leadText(list) + keyText(list.Controllers[0], time.Now())
				}
				return leadText(list) + controllerText(list.Controllers[0])
			})
		})
	as.register(cmd.Flags())
	return cmd
}

// leadText says who leads, if the server that answered does not.
func leadText(l *api.ControllerList) string {
	switch {
	case l.Leading:
		return ""
	case l.Leader == "":
		return "No server leads at the moment: no controllers run.\n\n"
	}
	return fmt.Sprintf("This server (%s) does not lead, so its controllers do not run. Ask the leader: %s.\nSee: drover server members\n\n", l.ServerID, l.Leader)
}

func controllersText(all []*api.ControllerReport) string {
	rows := [][]string{{"Name", "For", "Queued", "Working", "Delayed", "Passes", "Retries", "Errors", "Latency", "Work", "Last Error"}}
	for _, r := range all {
		last := "<none>"
		if r.LastError != nil {
			last = r.LastError.Key + ": " + r.LastError.Message
		}
		rows = append(rows, []string{
			r.Name, string(r.For), fmt.Sprint(r.Queued), fmt.Sprint(r.Working), fmt.Sprint(r.Delayed), fmt.Sprint(r.Passes),
			fmt.Sprint(r.Retries), fmt.Sprint(r.Errors), short(r.MeanLatency), short(r.MeanWork), oneCell(last),
		})
	}
	return table(rows)
}

// short rounds a duration to three digits or so.
func short(d time.Duration) string {
	for unit := time.Duration(1); ; unit *= 10 {
		if d < 1000*unit {
			return d.Round(unit).String()
		}
	}
}

// oneCell makes a text fit into a table.
func oneCell(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if runes := []rune(text); len(runes) > maxSpecCell {
		return string(runes[:maxSpecCell-1]) + "…"
	}
	return text
}

func controllerText(r *api.ControllerReport) string {
	text := pairs("Name", r.Name, "For", string(r.For),
		"Queued", fmt.Sprint(r.Queued), "Working", fmt.Sprint(r.Working), "Delayed", fmt.Sprint(r.Delayed),
		"Passes", fmt.Sprint(r.Passes), "Retries", fmt.Sprint(r.Retries), "Conflicts", fmt.Sprint(r.Conflicts),
		"Errors", fmt.Sprint(r.Errors), "Panics", fmt.Sprint(r.Panics),
		"Mean Latency", short(r.MeanLatency), "Mean Work", short(r.MeanWork))
	inputs := [][]string{{"Kind", "Relation"}}
	for _, in := range r.Inputs {
		inputs = append(inputs, []string{string(in.Kind), in.Relation})
	}
	outputs := [][]string{{"Kind", "Ownership"}}
	for _, o := range r.Outputs {
		outputs = append(outputs, []string{string(o.Kind), o.Ownership})
	}
	text += "\nInputs\n" + table(inputs) + "\nOutputs\n" + table(outputs)
	if e := r.LastError; e != nil {
		text += "\nLast Error\n" + pairs("Key", e.Key, "Time", e.Time.Format(timeFormat), "Error", e.Message)
	}
	return text
}

// keyText says in words why a controller works on a key, or does not.
func keyText(r *api.ControllerReport, now time.Time) string {
	k := r.Key
	if k == nil {
		return ""
	}
	ago := func(t time.Time) string { return short(max(0, now.Sub(t))) + " ago" }
	in := func(t time.Time) string { return "in " + short(max(0, t.Sub(now))) }
	why := ""
	switch k.State {
	case "queued":
		why = fmt.Sprintf("waits for a worker since %s, with priority %d; %d are queued, %d worked on", ago(k.Since), k.Priority, r.Queued, r.Working)
	case "working":
		why = "is being worked on; the pass began " + ago(k.Since)
	case "resting":
		why = "rests after a long pass; looked at again, if it has changed, " + in(k.Until)
	case "retrying":
		why = fmt.Sprintf("failed %s in a row and is tried again %s, or when something changes", counted(k.Failures, "time"), in(k.Until))
	case "waiting":
		why = fmt.Sprintf("is as it should be for now; looked at again %s, as its last pass asked, or when something changes", in(k.Until))
	default:
		why = "has nothing to be done: its last pass ended well, or it was never looked at; a change wakes the controller"
		if e := r.LastError; e != nil && e.Key == k.Key {
			why = "is left alone until something changes; its last error was at " + e.Time.Format(timeFormat) + ": " + e.Message
		}
		if !k.Exists {
			why += fmt.Sprintf("\nThere is no %s of that key.", r.For)
		}
	}
	text := fmt.Sprintf("%s %s %s\n", r.For, k.Key, why)
	if k.Again {
		text += "It was added again meanwhile: another pass follows at once.\n"
	}
	if k.Error != "" {
		text += "Last error: " + k.Error + "\n"
	}
	return text
}
