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

// Options say which agent to start. Bin and Dir are required.
type Options struct {
	Bin  string   // folder of the binaries
	Dir  string   // for its files; it is made, and removed by Stop
	Args []string // further arguments: which roles it has
	Env  []string // NAME=VALUE, besides the environment of this process
}

// Start starts an agent. It does not wait until it answers.
func Start(o Options) (*Agent, error) {
	if err := os.MkdirAll(o.Dir, 0o755); err != nil {
		return nil, err
	}
	ports, err := freePorts(3)
	if err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(o.Dir, "log"))
	if err != nil {
		return nil, err
	}
	defer log.Close() // the process has it
	args := append([]string{
		"agent", "-bind", "127.0.0.1", "-log-level", "WARN", "-data-dir", filepath.Join(o.Dir, "data"),
		"-http-port", ports[0], "-rpc-port", ports[1], "-raft-port", ports[2],
	}, o.Args...)
	a := &Agent{Dir: o.Dir, Sessions: "127.0.0.1:" + ports[1], cmd: exec.Command(filepath.Join(o.Bin, "drover"), args...)}
	a.cmd.Env = append(os.Environ(), o.Env...)
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

// Kill ends the agent at once, as a crash would. Its files stay, for another one that is
// started with the same Dir.
func (a *Agent) Kill() error {
	if err := a.cmd.Process.Kill(); err != nil {
		return err
	}
	var exit *exec.ExitError
	if err := a.cmd.Wait(); !errors.As(err, &exit) {
		return err
	}
	return nil
}
