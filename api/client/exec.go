package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"

	"github.com/droverhq/drover/api"
)

// heartbeat is how often a client shows that it is still there.
const heartbeat = 10 * time.Second

// Terminal is how a command that runs in a task is used from here.
type Terminal struct {
	// TTY gives the command a terminal of its own; all that it prints comes to Stdout.
	TTY bool
	// Stdin is passed on to its end, or to that of the command; a Read that is under way
	// then is not waited for. Nil: there is nothing to read.
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	// Sizes are those of the terminal, as they change. May be nil.
	Sizes <-chan api.TerminalSize
}

func (t *Terminal) params(more map[string]string) map[string]string {
	more["tty"] = strconv.FormatBool(t.TTY)
	return more
}

// Exec runs a command in a running task of an allocation and returns its exit code. The
// command is killed when ctx is done.
func (a *Allocations) Exec(ctx context.Context, id, task string, command []string, t Terminal, q Query) (int, error) {
	list, err := json.Marshal(command)
	if err != nil {
		return 0, err
	}
	q.Params = t.params(map[string]string{"task": task, "command": string(list)})
	return a.c.exec(ctx, "/v1/client/allocation/"+url.PathEscape(id)+"/exec", t, q)
}

// ActionRef says which action of a job is run where. Alloc may be empty: then it is run
// in any allocation in which the task runs. Group and Task may be empty if only one task
// has an action of the name.
type ActionRef struct {
	Name, Group, Task, Alloc string
}

// Action runs an action of a job and returns its exit code. It is killed when ctx is
// done.
func (j *Jobs) Action(ctx context.Context, id string, a ActionRef, t Terminal, q Query) (int, error) {
	q.Params = t.params(map[string]string{"action": a.Name, "group": a.Group, "task": a.Task, "allocID": a.Alloc})
	return j.c.exec(ctx, jobPath(id, "/action"), t, q)
}

// Actions lists the actions of a job.
func (j *Jobs) Actions(ctx context.Context, id string, q Query) ([]*api.JobAction, api.QueryMeta, error) {
	return get[[]*api.JobAction](ctx, j.c, jobPath(id, "/actions"), q)
}

// exec runs the command of a route that is a websocket.
func (c *Client) exec(ctx context.Context, path string, t Terminal, q Query) (int, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	header := http.Header{}
	if c.cfg.Token != "" {
		header.Set("X-Nomad-Token", c.cfg.Token)
	}
	target := strings.TrimSuffix(c.base.String(), "/") + path + "?" + c.values(q).Encode()
	conn, resp, err := websocket.Dial(ctx, target, &websocket.DialOptions{HTTPClient: c.http, HTTPHeader: header})
	if err != nil {
		return 0, refusal(resp, err)
	}
	defer conn.CloseNow()
	conn.SetReadLimit(-1)
	s := &execution{ctx: ctx, conn: conn}
	if t.Stdin == nil {
		t.Stdin = strings.NewReader("")
	}
	go s.feed(t.Stdin, cancel)
	var others sync.WaitGroup
	defer others.Wait()
	defer cancel()
	others.Go(func() { s.beat(t.Sizes) })
	return s.receive(t)
}

// refusal is what a server answered that does not make a websocket of a request, or why
// there is no answer.
func refusal(resp *http.Response, err error) error {
	if resp == nil || resp.StatusCode == http.StatusSwitchingProtocols {
		return err
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody))
	return errors.Join(&StatusError{Code: resp.StatusCode, Body: string(text)}, err)
}

// execution is a command that runs far away.
type execution struct {
	ctx  context.Context
	conn *websocket.Conn
}

func (e *execution) send(in api.ExecInput) error {
	b, err := json.Marshal(in)
	if err != nil {
		return err
	}
	return e.conn.Write(e.ctx, websocket.MessageText, b)
}

// feed passes on what is typed. That it can't is learned, and told, where it is read.
func (e *execution) feed(in io.Reader, giveUp func()) {
	b := make([]byte, 16<<10)
	for {
		n, err := in.Read(b)
		if n > 0 && e.send(api.ExecInput{Stdin: &api.ExecStream{Data: b[:n]}}) != nil {
			return
		}
		if errors.Is(err, io.EOF) {
			_ = e.send(api.ExecInput{Stdin: &api.ExecStream{Close: true}})
			return
		}
		if err != nil {
			giveUp()
			return
		}
	}
}

// beat passes on the sizes of the terminal, and signs of life.
func (e *execution) beat(sizes <-chan api.TerminalSize) {
	ticks := time.NewTicker(heartbeat)
	defer ticks.Stop()
	for {
		var in api.ExecInput
		select {
		case <-e.ctx.Done():
			return
		case size, ok := <-sizes:
			if !ok {
				sizes = nil
				continue
			}
			in.TTYSize = &size
		case <-ticks.C:
		}
		if e.send(in) != nil {
			return
		}
	}
}

// receive writes what the command prints, and returns its exit code.
func (e *execution) receive(t Terminal) (int, error) {
	for {
		_, b, err := e.conn.Read(e.ctx)
		if err != nil {
			return 0, ending(err)
		}
		var out api.ExecOutput
		if err := json.Unmarshal(b, &out); err != nil {
			return 0, fmt.Errorf("read what the command prints: %w", err)
		}
		if err := errors.Join(write(t.Stdout, out.Stdout), write(t.Stderr, out.Stderr)); err != nil {
			return 0, err
		}
		if out.Exited && out.Result != nil {
			return out.Result.ExitCode, nil
		}
	}
}

func write(w io.Writer, piece *api.ExecStream) error {
	if piece == nil || len(piece.Data) == 0 {
		return nil
	}
	_, err := w.Write(piece.Data)
	return err
}

// ending makes an error of how a websocket ended before the command did.
func ending(err error) error {
	var closed websocket.CloseError
	if errors.As(err, &closed) && closed.Reason != "" {
		return errors.New(closed.Reason)
	}
	return fmt.Errorf("the connection ended before the command did: %w", err)
}
