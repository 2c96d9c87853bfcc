package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// options are what the command is asked for.
type options struct {
	bin       string // folder of the binaries
	dir       string // where the server's data goes
	profiles  string // folder that CPU profiles are kept in; none: they are not
	nodes     int
	allocs    int
	jobs      int
	processes int
	batch     time.Duration
	memory    string // GOMEMLIMIT of the server
}

// scene is one part of the show.
type scene struct {
	name string
	play func(ctx context.Context, w *world) error
	// apart says that it is played on a fleet of its own, of so many nodes.
	apart int
}

var scenes = []scene{
	{name: "place", play: place},
	{name: "loss", play: lose},
	{name: "rollout", play: rollOut},
	{name: "drain", play: drain},
	{name: "batch", play: batch},
	{name: "backlog", play: backlog, apart: 4},
	{name: "groups", play: groups, apart: 100},
	{name: "children", play: children, apart: 500},
	{name: "waiting", play: wait, apart: 100},
	{name: "change", play: change, apart: 400},
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == nodesCommand {
		exit(runNodes(os.Args[2:]))
	}
	o := options{bin: os.Getenv("DROVER_BIN")}
	if o.bin == "" {
		o.bin = "bin"
	}
	flag.IntVar(&o.nodes, "nodes", 6_100, "`number` of simulated nodes")
	flag.IntVar(&o.allocs, "allocs", 2_000_000, "`number` of allocations")
	flag.IntVar(&o.jobs, "jobs", 400, "`number` of jobs that they are of")
	flag.IntVar(&o.processes, "processes", 3, "`number` of processes that hold the nodes")
	flag.DurationVar(&o.batch, "batch", 10*time.Minute, "how long batch jobs come")
	flag.StringVar(&o.dir, "dir", "", "`folder` for the server's data, on a real disk; default a temporary one")
	flag.StringVar(&o.profiles, "profiles", "", "`folder` to keep CPU profiles of the server in")
	flag.StringVar(&o.memory, "memory", "11GiB", "`limit` from which on the server's garbage collector works harder (GOMEMLIMIT)")
	names := flag.String("scenes", "", "names of `scenes`, separated by commas; default all")
	flag.Parse()
	exit(run(o, *names))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "c2m:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func run(o options, names string) (err error) {
	if o.bin, err = filepath.Abs(o.bin); err != nil {
		return err
	}
	wanted, err := choose(names)
	if err != nil {
		return err
	}
	if err := raiseFileLimit(); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var together []scene
	for _, s := range wanted {
		if s.apart == 0 {
			together = append(together, s)
		}
	}
	var errs []error
	if len(together) > 0 {
		errs = append(errs, show(ctx, o, together))
	}
	for _, s := range wanted {
		if s.apart > 0 && ctx.Err() == nil {
			own := o
			own.nodes, own.processes = s.apart, 1
			errs = append(errs, show(ctx, own, []scene{s}))
		}
	}
	return errors.Join(errs...)
}

func choose(names string) ([]scene, error) {
	if names == "" {
		return scenes, nil
	}
	var wanted []scene
	for name := range strings.SplitSeq(names, ",") {
		i := slices.IndexFunc(scenes, func(s scene) bool { return s.name == name })
		if i < 0 {
			return nil, fmt.Errorf("there is no scene %q", name)
		}
		wanted = append(wanted, scenes[i])
	}
	return wanted, nil
}

// show plays scenes on a new server.
func show(ctx context.Context, o options, wanted []scene) (err error) {
	w, err := newWorld(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	if wanted[0].apart == 0 {
		if w.watch, err = newOperator(ctx, w); err != nil {
			return err
		}
	}
	var errs []error
	for _, s := range wanted {
		if ctx.Err() != nil {
			break
		}
		if err := w.perform(ctx, s); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", s.name, err))
		}
	}
	return errors.Join(errs...)
}

// raiseFileLimit lets this process and its children have as many connections as the
// system allows.
func raiseFileLimit() error {
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		return fmt.Errorf("look how many files may be open: %w", err)
	}
	files.Cur = files.Max
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		return fmt.Errorf("have more files open: %w", err)
	}
	return nil
}
