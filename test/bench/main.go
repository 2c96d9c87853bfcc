package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
)

// bench is what the rows share.
type bench struct {
	bin      string // folder of the binaries
	address  string // of servers that are there; empty: start some
	sessions []string
	results  []result
}

// row is a measurement, or several that are made together.
type row struct {
	name    string
	measure func(ctx context.Context, b *bench) error
	long    bool // measured only if -run names it exactly
}

var rows = []row{
	{name: "version", measure: measureVersion},
	{name: "binary size", measure: measureBinary},
	{name: "dev start and idle", measure: measureDevStart},
	{name: "job run", measure: measureJobRun},
	{name: "docker", measure: measureDocker},
	{name: "true batch", measure: measureTrueBatch},
	{name: "memory per task", measure: measureTaskMemory},
	{name: "exec start", measure: measureExecStart},
	{name: "raw_exec rate", measure: measureStartRate},
	{name: "recovery 1000", measure: measureRecovery},
	{name: "placed 10000", measure: measurePlaced},
	{name: "placed 200x50", measure: measureManyJobs},
	{name: "packing", measure: measurePacking},
	{name: "exec 1000", measure: measureThousand, long: true},
	{name: "memory 200000", measure: measureMemory, long: true},
	{name: "restart 1M", measure: measureRestart, long: true},
}

func longRows() string {
	var names []string
	for _, r := range rows {
		if r.long {
			names = append(names, r.name)
		}
	}
	return strings.Join(names, ", ")
}

func main() {
	b := &bench{bin: os.Getenv("DROVER_BIN")}
	only := flag.String("run", "", "only the rows whose name contains this; long ones are named in full: "+longRows())
	flag.StringVar(&b.address, "address", "", "HTTP address of servers to load, instead of starting some")
	sessions := flag.String("sessions", "", "session addresses of these servers, separated by commas")
	flag.Parse()
	if b.bin == "" {
		b.bin = "bin"
	}
	b.bin, _ = filepath.Abs(b.bin)
	if *sessions != "" {
		b.sessions = strings.Split(*sessions, ",")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	failed := false
	for _, r := range rows {
		if !strings.Contains(r.name, *only) || r.long && r.name != *only {
			continue
		}
		fmt.Fprintf(os.Stderr, "measuring %s …\n", r.name)
		if err := r.measure(ctx, b); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", r.name, err)
			failed = true
		}
	}
	fmt.Print(report(b.results))
	if failed || missed(b.results) {
		os.Exit(1)
	}
}
