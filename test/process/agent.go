package process

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/droverhq/drover/api/client"
)

// Agent is an agent of its own, on free ports of loopback.
type Agent struct {
	Dir      string // its data, and the file log with what it prints
	Client   *client.Client
	Sessions string // where node agents reach it
	Started  time.Time

	cmd *exec.Cmd
}

// Start starts an agent of the binaries in the folder bin. Its data is kept below
// dir, which is made; args say which roles it has. It does not wait until it answers.
func Start(bin, dir string, args ...string) (*Agent, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	ports, err := freePorts(3)
	if err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return nil, err
	}
	defer log.Close() // the process has it
	args = append([]string{
		"agent", "-bind", "127.0.0.1", "-log-level", "WARN", "-data-dir", filepath.Join(dir, "data"),
		"-http-port", ports[0], "-rpc-port", ports[1], "-raft-port", ports[2],
	}, args...)
	a := &Agent{Dir: dir, Sessions: "127.0.0.1:" + ports[1], cmd: exec.Command(filepath.Join(bin, "drover"), args...)}
	a.cmd.Stdout, a.cmd.Stderr = log, log
	if a.Client, err = client.New(client.Config{Address: "http://127.0.0.1:" + ports[0]}); err != nil {
		return nil, err
	}
	a.Started = time.Now()
	return a, a.cmd.Start()
}

func freePorts(n int) ([]string, error) {
	var ports []string
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close() // all are held until all are found
		ports = append(ports, strconv.Itoa(l.Addr().(*net.TCPAddr).Port))
	}
	return ports, nil
}

// PID is the agent's process.
func (a *Agent) PID() int { return a.cmd.Process.Pid }

// Stop ends the agent in order and removes its files.
func (a *Agent) Stop() error {
	err := a.cmd.Process.Signal(os.Interrupt)
	if werr := a.cmd.Wait(); werr != nil {
		var exit *exec.ExitError
		if !errors.As(werr, &exit) || err != nil {
			err = errors.Join(err, werr)
		}
	}
	return errors.Join(err, os.RemoveAll(a.Dir))
}
