package nodeagent_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/api/client"
	"github.com/droverhq/drover/session"
)

// user returns a client that talks to the node over its session.
func (c *cluster) user(t *testing.T) *client.Client {
	t.Helper()
	transport := &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var conn *session.Conn
			c.set(func(c *cluster) { conn = c.conn })
			return conn.OpenStream(ctx)
		},
	}
	u, err := client.New(client.Config{Address: "http://node", HTTPClient: &http.Client{Transport: transport}})
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// execute runs a script in a task to its end.
func execute(ctx context.Context, u *client.Client, id, in, script string) (out string, code int, err error) {
	var b bytes.Buffer
	code, err = u.Allocations.Exec(ctx, id, "t", []string{"/bin/sh", "-c", script},
		client.Terminal{Stdin: strings.NewReader(in), Stdout: &b, Stderr: &b}, client.Query{})
	return b.String(), code, err
}

func TestCommandsRunBesideARealTask(t *testing.T) {
	c := newCluster(t)
	a := start(t, realOptions(t.TempDir(), c.serveTCP(t)))
	defer a.stop(t)
	<-a.Ready()
	j := shell(api.JobTypeService, "sleep 1000")
	j.TaskGroups[0].Tasks[0].Env = map[string]string{"FROM": "afar"}
	id := c.run(j)
	c.awaitStatus(t, id, api.AllocClientRunning)
	u := c.user(t)
	var both sync.WaitGroup
	for _, in := range []string{"one", strings.Repeat("two", 100_000)} {
		both.Go(func() {
			out, code, err := execute(t.Context(), u, id, in, `echo $FROM; cat; exit 3`)
			if out != "afar\n"+in || code != 3 || err != nil {
				t.Errorf("%.30q: %d, %v", out, code, err)
			}
		})
	}
	both.Wait()
	for what, want := range map[string]string{
		"none/t":       "404",
		id + "/nobody": "404",
		id + "/":       "400",
	} {
		alloc, task, _ := strings.Cut(what, "/")
		_, err := u.Allocations.Exec(t.Context(), alloc, task, []string{"true"}, client.Terminal{Stdout: io.Discard, Stderr: io.Discard}, client.Query{})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", what, err, want)
		}
	}
	if _, err := u.Allocations.Exec(t.Context(), id, "t", []string{"no-such-program"}, client.Terminal{Stdout: io.Discard}, client.Query{}); err == nil ||
		!strings.Contains(err.Error(), `"no-such-program"`) {
		t.Errorf("no program: %v", err)
	}
	c.stop(id)
	c.awaitStatus(t, id, api.AllocClientComplete)
	if _, _, err := execute(t.Context(), u, id, "", "true"); err == nil || !strings.Contains(err.Error(), "is not running") {
		t.Errorf("an ended task: %v", err)
	}
}

func TestACommandEndsWithTheConnectionAndWithTheAgent(t *testing.T) {
	c := newCluster(t)
	a := start(t, realOptions(t.TempDir(), c.serveTCP(t)))
	id := c.run(shell(api.JobTypeService, "sleep 1000"))
	c.awaitStatus(t, id, api.AllocClientRunning)
	u := c.user(t)
	for _, end := range []func(leave func()){
		func(leave func()) { leave() },
		func(func()) { a.stop(t) },
	} {
		notes := filepath.Join(t.TempDir(), "pids")
		if err := syscall.Mkfifo(notes, 0o600); err != nil {
			t.Fatal(err)
		}
		ctx, leave := context.WithCancel(t.Context())
		defer leave()
		var command sync.WaitGroup
		command.Go(func() {
			if _, _, err := execute(ctx, u, id, "", "setsid sleep 1000 & echo $$ $! > "+notes+"; sleep 1000"); err == nil {
				t.Error("the command ended well")
			}
		})
		b, err := os.ReadFile(notes)
		if err != nil {
			t.Fatal(err)
		}
		end(leave)
		command.Wait()
		for _, pid := range strings.Fields(string(b)) {
			awaitGone(t, pid)
		}
	}
}

// awaitGone waits until a process has ended. That takes a moment longer than until its
// user knows that it will.
func awaitGone(t *testing.T, pid string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for ctx.Err() == nil {
		b, err := os.ReadFile(filepath.Join("/proc", pid, "stat"))
		if errors.Is(err, os.ErrNotExist) || bytes.Contains(b, []byte(") Z ")) {
			return
		}
	}
	t.Errorf("process %s lives on", pid)
}
