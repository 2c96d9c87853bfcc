package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"time"

	"github.com/droverhq/drover/test/fleet"
)

// nodesCommand, as the first argument, makes this program hold nodes for another one:
// it takes orders on its standard input and says on its standard output how the nodes do,
// as lines of JSON. It ends with its input, and the nodes with it: to take leave of the
// server for each of thousands would take longer than a scene.
const nodesCommand = "nodes"

// order is what the nodes of a process are told.
type order struct {
	Lose  int    `json:",omitempty"` // so many nodes are to vanish
	Node  string `json:",omitempty"` // on this one
	Alloc string `json:",omitempty"` // this allocation is to fail
}

// headcount is how the nodes of a process do.
type headcount struct {
	Connected, Running, Stored int
	Latencies                  []int64 // of fleet.Latencies
}

const headcountEvery = 100 * time.Millisecond

// runNodes is the program that holds nodes.
func runNodes(args []string) error {
	var o fleet.Options
	fs := flag.NewFlagSet(nodesCommand, flag.ContinueOnError)
	server := fs.String("server", "", "session address of the server")
	fs.IntVar(&o.Nodes, "count", 0, "number of nodes")
	fs.IntVar(&o.First, "first", 0, "number of the first one")
	fs.Int64Var(&o.CPU, "cpu", 0, "MHz of each")
	if err := fs.Parse(args); err != nil {
		return err
	}
	o.Servers = []string{*server}
	f := fleet.New(o)
	ctx := context.Background()
	go f.Run(ctx)
	go count(f, os.Stdout)
	return obey(ctx, f, os.Stdin)
}

// obey carries out orders until there are no more.
func obey(ctx context.Context, f *fleet.Fleet, from io.Reader) error {
	orders := json.NewDecoder(from)
	for {
		var o order
		if err := orders.Decode(&o); err != nil {
			return nil // the other program has ended
		}
		if o.Lose > 0 {
			f.Lose(o.Lose)
		}
		if o.Alloc != "" {
			f.Fail(ctx, o.Node, o.Alloc)
		}
	}
}

func count(f *fleet.Fleet, to io.Writer) {
	out := json.NewEncoder(to)
	for range time.Tick(headcountEvery) {
		h := headcount{Connected: f.Connected(), Running: f.Running(), Stored: f.Stored(), Latencies: f.Latencies().Counts()}
		if out.Encode(h) != nil {
			return // nobody listens any more
		}
	}
}

// crowd is the processes that hold a fleet.
type crowd struct {
	members []*member
	reading sync.WaitGroup
}

type member struct {
	cmd    *exec.Cmd
	orders io.WriteCloser
	nodes  int

	mu     sync.Mutex // guards latest
	latest headcount
}

// gather starts the processes.
func gather(o options, server string) (*crowd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := &crowd{}
	for i := range o.processes {
		first, next := i*o.nodes/o.processes, (i+1)*o.nodes/o.processes
		m := &member{nodes: next - first}
		m.cmd = exec.Command(self, nodesCommand, "-server", server, "-first", strconv.Itoa(first), "-count", strconv.Itoa(m.nodes))
		m.cmd.Stderr = os.Stderr
		if m.orders, err = m.cmd.StdinPipe(); err != nil {
			return nil, err
		}
		counts, err := m.cmd.StdoutPipe()
		if err != nil {
			return nil, err
		}
		if err := m.cmd.Start(); err != nil {
			return nil, fmt.Errorf("start nodes: %w", err)
		}
		c.members = append(c.members, m)
		c.reading.Go(func() { m.listen(counts) })
	}
	return c, nil
}

func (m *member) listen(counts io.Reader) {
	lines := bufio.NewScanner(counts)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var h headcount
		if json.Unmarshal(lines.Bytes(), &h) != nil {
			return
		}
		m.mu.Lock()
		m.latest = h
		m.mu.Unlock()
	}
}

// now is how all nodes do.
func (c *crowd) now() headcount {
	var all headcount
	for _, m := range c.members {
		m.mu.Lock()
		h := m.latest
		m.mu.Unlock()
		all.Connected += h.Connected
		all.Running += h.Running
		all.Stored += h.Stored
		if all.Latencies == nil {
			all.Latencies = make([]int64, len(h.Latencies))
		}
		for i, n := range h.Latencies {
			if i < len(all.Latencies) {
				all.Latencies[i] += n
			}
		}
	}
	return all
}

// lose has nodes vanish, evenly from all processes.
func (c *crowd) lose(count int) error {
	for i, m := range c.members {
		share := (i+1)*count/len(c.members) - i*count/len(c.members)
		if err := json.NewEncoder(m.orders).Encode(order{Lose: share}); err != nil {
			return err
		}
	}
	return nil
}

// fail has an allocation fail.
func (c *crowd) fail(node, alloc string) error {
	for _, m := range c.members {
		if err := json.NewEncoder(m.orders).Encode(order{Node: node, Alloc: alloc}); err != nil {
			return err
		}
	}
	return nil
}

func (c *crowd) pids() []int {
	var pids []int
	for _, m := range c.members {
		pids = append(pids, m.cmd.Process.Pid)
	}
	return pids
}

// disperse ends the processes.
func (c *crowd) disperse() error {
	for _, m := range c.members {
		if err := m.orders.Close(); err != nil {
			return err
		}
	}
	c.reading.Wait()
	for _, m := range c.members {
		if err := m.cmd.Wait(); err != nil {
			return fmt.Errorf("nodes: %w", err)
		}
	}
	return nil
}
