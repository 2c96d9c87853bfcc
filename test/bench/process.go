package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/api/client"
)

// agent is a drover process that the bench started.
type agent struct {
	cmd      *exec.Cmd
	dir      string
	client   *client.Client
	sessions string
	started  time.Time
}

// startAgent starts an agent on free ports of loopback; args say which roles.
func (b *bench) startAgent(args ...string) (*agent, error) {
	dir, err := os.MkdirTemp("", "drover-bench-*")
	if err != nil {
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
	defer log.Close()
	args = append([]string{
		"agent", "-bind", "127.0.0.1", "-log-level", "WARN", "-data-dir", filepath.Join(dir, "data"),
		"-http-port", ports[0], "-rpc-port", ports[1], "-raft-port", ports[2],
	}, args...)
	a := &agent{dir: dir, sessions: "127.0.0.1:" + ports[1], cmd: exec.Command(filepath.Join(b.bin, "drover"), args...)}
	a.cmd.Stdout, a.cmd.Stderr = log, log
	if a.client, err = client.New(client.Config{Address: "http://127.0.0.1:" + ports[0]}); err != nil {
		return nil, err
	}
	a.started = time.Now()
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

// stop ends the agent and removes its files.
func (a *agent) stop() error {
	err := a.cmd.Process.Signal(os.Interrupt)
	if werr := a.cmd.Wait(); werr != nil {
		var exit *exec.ExitError
		if !errors.As(werr, &exit) || err != nil {
			err = errors.Join(err, werr)
		}
	}
	return errors.Join(err, os.RemoveAll(a.dir))
}

// untilReady waits until n nodes are ready.
func untilReady(ctx context.Context, c *client.Client, n int) error {
	return until(ctx, "nodes ready", func() (bool, error) {
		nodes, _, err := c.Nodes.List(ctx, false, client.Query{})
		if err != nil {
			return false, nil // not listening yet, or no leader
		}
		ready := 0
		for _, node := range nodes {
			if node.Status == api.NodeReady {
				ready++
			}
		}
		return ready >= n, nil
	})
}

const (
	pollEvery = 2 * time.Millisecond
	pollMax   = 5 * time.Minute
)

// until polls a condition: what is measured is fast, and must not be disturbed by
// more than a poll.
func until(ctx context.Context, what string, cond func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, pollMax)
	defer cancel()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		ok, err := cond()
		if err != nil {
			return fmt.Errorf("wait for %s: %w", what, err)
		}
		if ok {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w", what, ctx.Err())
		case <-tick.C:
		}
	}
}

// rss is the resident memory of a process, in MB.
func rss(pid int) (float64, error) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if rest, ok := strings.CutPrefix(s.Text(), "VmRSS:"); ok {
			kb, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			return kb * 1024 / 1e6, err
		}
	}
	return 0, fmt.Errorf("process %d has no VmRSS", pid)
}

// settle gives a process time to come to rest before its memory is read.
func settle(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
