package cli

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/jobspec"
)

// maxJobFile is the largest job file that is read, in bytes.
const maxJobFile = 4 << 20

// jobFile is the flags that say how job files are read.
type jobFile struct {
	json     bool
	vars     []string
	varFiles []string
	strict   bool
}

// parsedJob is a job with the text that it was written as.
type parsedJob struct {
	Job        *api.Job
	Submission *api.JobSubmission
	Path       string
	Warnings   []string // of its reader
}

func (f *jobFile) register(fs *pflag.FlagSet) {
	fs.BoolVar(&f.json, "json", false, "the file is JSON (files that end in .json are anyway)")
	fs.StringArrayVar(&f.vars, "var", nil, "value of a variable of the jobspec, `name=value`; may be given more than once")
	fs.StringArrayVar(&f.varFiles, "var-file", nil, "`file` with variables; may be given more than once")
	fs.BoolVar(&f.strict, "hcl2-strict", true, "refuse values of variables that the jobspec does not declare")
}

// read reads a job file; - is standard input. The error names everything that is
// wrong with its place.
func (f *jobFile) read(in io.Reader, path string) (*parsedJob, []string, error) {
	src, err := readAll(in, path)
	if err != nil {
		return nil, nil, fmt.Errorf("Error getting job struct: Error reading job file: %w", err)
	}
	return f.parse(path, src)
}

// options are those of parsing a text.
func (f *jobFile) options(path string, src []byte) jobspec.ParseOptions {
	return jobspec.ParseOptions{Path: path, Body: src, Vars: f.vars, VarFiles: f.varFiles, Envs: os.Environ(), AllowFS: true, Strict: f.strict}
}

// parse reads the text of a job file.
func (f *jobFile) parse(path string, src []byte) (*parsedJob, []string, error) {
	sub := &api.JobSubmission{Source: string(src), Format: "hcl2", VariableFlags: map[string]string{}}
	for _, v := range f.vars {
		if name, value, ok := strings.Cut(v, "="); ok { // Parse refuses the others
			sub.VariableFlags[name] = value
		}
	}
	if f.json || filepath.Ext(path) == ".json" {
		sub.Format = "json"
	}
	for _, file := range f.varFiles {
		b, err := os.ReadFile(file)
		if err != nil {
			return nil, nil, fmt.Errorf("Error reading variables: %w", err)
		}
		sub.Variables += string(b) + "\n"
	}
	job, warnings, err := jobspec.Parse(f.options(path, src))
	if err != nil {
		return nil, nil, fmt.Errorf("Error getting job struct: Error parsing job file from %s:\n%w", path, err)
	}
	return &parsedJob{Job: job, Path: path, Submission: sub}, warnings, nil
}

func readAll(in io.Reader, path string) ([]byte, error) {
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	src, err := io.ReadAll(io.LimitReader(in, maxJobFile+1))
	if err != nil {
		return nil, err
	}
	if len(src) > maxJobFile {
		return nil, fmt.Errorf("%s is larger than 4 MiB, which no job file is: %w", path, api.ErrTooLarge)
	}
	return src, nil
}
