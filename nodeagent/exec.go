package nodeagent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/driver"
	"github.com/droverhq/drover/nodeagent/exec"
)

// maxCommands bounds how many commands run beside the tasks of a node at a time: each
// costs two processes, and memory for what is on its way.
const maxCommands = 64

var errManyCommands = fmt.Errorf("%d commands run in tasks of this node already: try again when one has ended", maxCommands)

// serveExec runs a command beside a task of an allocation, over a websocket. What is
// wrong with the request is said before that begins.
func (a *Agent) serveExec(w http.ResponseWriter, r *http.Request) {
	c, err := a.commandOf(r)
	if err == nil {
		select {
		case a.commands <- struct{}{}:
			defer func() { <-a.commands }()
		default:
			err = errManyCommands
		}
	}
	if err != nil {
		http.Error(w, err.Error(), statusCode(err))
		return
	}
	exec.Serve(w, r, c.tty, func(ctx context.Context, streams driver.Command) (driver.ExitResult, error) {
		streams.Args = c.args
		return c.executor.Exec(ctx, c.handle, streams)
	})
}

// command is a command that is asked for, and what runs it.
type command struct {
	args     []string
	tty      bool
	executor driver.Executor
	handle   driver.Handle
}

func (a *Agent) commandOf(r *http.Request) (*command, error) {
	run, err := a.requested(r)
	if err != nil {
		return nil, err
	}
	c := &command{}
	query, invalid := r.URL.Query(), &api.InvalidError{What: "command to run in a task"}
	if !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		invalid.Add("", "it is run over a websocket, which the request does not ask for")
	}
	task := query.Get("task")
	if task == "" {
		invalid.Add("task", "is missing: the name of a task of the allocation")
	}
	if err := json.Unmarshal([]byte(query.Get("command")), &c.args); err != nil || len(c.args) == 0 || c.args[0] == "" {
		invalid.Add("command", `is not a list of a program and its arguments, such as ["ls","-l"]`)
	}
	if text := query.Get("tty"); text != "" {
		if c.tty, err = strconv.ParseBool(text); err != nil {
			invalid.Add("tty", fmt.Sprintf("%q is neither true nor false", text))
		}
	}
	if err := invalid.OrNil(); err != nil {
		return nil, err
	}
	handles, err := run.running(task)
	if err != nil {
		return nil, err
	}
	c.handle = handles[task]
	d := a.drivers[c.handle.Driver]
	if d == nil {
		return nil, errors.New("the driver " + c.handle.Driver + " of the task is not there any more")
	}
	var ok bool
	if c.executor, ok = d.(driver.Executor); !ok {
		return nil, fmt.Errorf("%w: commands in tasks of the driver %s", api.ErrNotSupported, c.handle.Driver)
	}
	return c, nil
}
