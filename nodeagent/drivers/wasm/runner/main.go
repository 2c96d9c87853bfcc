package runner

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
)

// Name is what the program is called.
const Name = "drover-wasm"

// The exit codes that are not the module's own.
const (
	codeWrong = 1   // the module can't be run
	codeTrap  = 134 // it did what it must not, as of a program that is aborted
	codeMost  = 255 // that a process can have
)

// Main runs the program as its arguments say, and does not return.
func Main() { os.Exit(run(os.Args)) }

func run(args []string) int {
	if len(args) > 1 {
		switch args[1] {
		case "run":
			return runModule(args[2:])
		case "prepare":
			return prepareModule(args[2:])
		}
	}
	fmt.Fprintf(os.Stderr, "%s runs WebAssembly modules that are tasks of drover\n", Name)
	return codeWrong
}

func prepareModule(args []string) int {
	if len(args) != 1 {
		fmt.Fprintf(os.Stderr, "%s prepare DIR <MODULE\n", Name)
		return codeWrong
	}
	err := boundPreparation()
	if err == nil {
		err = prepare(context.Background(), os.Stdin, args[0])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return codeWrong
	}
	return 0
}

func runModule(args []string) int {
	var p program
	var report string
	flags := flag.NewFlagSet(Name+" run", flag.ContinueOnError)
	flags.StringVar(&p.cache, "cache", "", "directory with what was prepared")
	flags.StringVar(&report, "report", "", "file for why the module ended, if it was not by itself")
	flags.Uint64Var(&p.memory, "memory", 0, "bytes that the module may have at most; 0: 4 GiB")
	flags.Func("dir", "directory that the module sees", func(dir string) error {
		p.dirs = append(p.dirs, dir)
		return nil
	})
	flags.Func("env", "NAME=VALUE that the module sees", func(entry string) error {
		p.env = append(p.env, entry)
		return nil
	})
	if flags.Parse(args) != nil || flags.NArg() == 0 {
		return codeWrong
	}
	p.module, p.args = flags.Arg(0), flags.Args()
	p.env = append(os.Environ(), p.env...)
	p.stdin, p.stdout, p.stderr = os.Stdin, os.Stdout, os.Stderr
	leaveQuietly()
	code, why := p.run(context.Background())
	if why != nil {
		tell(p.stderr, report, why)
	}
	return code
}

// tell says why a module has ended: all of it in its log, the gist in the report.
func tell(log io.Writer, report string, why error) {
	fmt.Fprintf(log, "%s: %v\n", Name, why)
	if report == "" {
		return
	}
	gist, _, _ := strings.Cut(why.Error(), "\nwasm stack trace")
	if err := os.WriteFile(report, []byte(gist), 0o600); err != nil {
		fmt.Fprintf(log, "%s: report: %v\n", Name, err)
	}
}
