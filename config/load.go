package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclparse"
)

// maxFile is the largest configuration file that is read, in bytes.
const maxFile = 1 << 20

// Load returns the configuration that the flags ask for, and notes for the log
// about settings without effect. The error lists everything that is wrong, with its
// place.
func Load(f *Flags) (*Agent, []string, error) {
	a := Default()
	if f.Dev {
		a.dev()
	}
	var notes []string
	for _, path := range f.Paths {
		files, err := filesOf(path)
		if err != nil {
			return nil, nil, err
		}
		for _, file := range files {
			more, err := a.overlayFile(file)
			if err != nil {
				return nil, nil, err
			}
			notes = append(notes, more...)
		}
	}
	for _, override := range f.overrides {
		if err := override(a); err != nil {
			return nil, nil, err
		}
	}
	return a, append(notes, a.idle()...), a.Validate()
}

// filesOf returns the files that a -config names: itself, or those of a folder in
// the order of their names.
func filesOf(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	var files []string
	for _, e := range entries {
		if ext := filepath.Ext(e.Name()); !e.IsDir() && (ext == ".hcl" || ext == ".json") {
			files = append(files, filepath.Join(path, e.Name()))
		}
	}
	slices.Sort(files)
	return files, nil
}

func (a *Agent) overlayFile(path string) (notes []string, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	if info.Size() > maxFile {
		return nil, fmt.Errorf("read configuration: %s is larger than 1 MiB, which no agent configuration is", path)
	}
	src, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	return a.overlay(path, src)
}

// overlay sets what a file says.
func (a *Agent) overlay(path string, src []byte) (notes []string, err error) {
	if err := checkDepth(path, src); err != nil {
		return nil, err
	}
	parser := hclparse.NewParser()
	parse := parser.ParseHCL
	if filepath.Ext(path) == ".json" {
		parse = parser.ParseJSON
	}
	file, diags := parse(src, path)
	if diags.HasErrors() {
		return nil, diagError(diags)
	}
	d := new(decoder)
	d.block(file.Body, reflect.ValueOf(a).Elem(), "")
	if d.diags.HasErrors() {
		return nil, diagError(d.diags)
	}
	slices.Sort(d.notes)
	return d.notes, nil
}

// maxDepth bounds the nesting of a file: the parser is recursive.
const maxDepth = 100

// checkDepth counts brackets, those in strings and comments too: no honest file
// comes near the bound.
func checkDepth(path string, src []byte) error {
	depth := 0
	for _, c := range src {
		switch c {
		case '{', '[', '(':
			depth++
		case '}', ']', ')':
			depth = max(0, depth-1)
		}
		if depth > maxDepth {
			return fmt.Errorf("%s: brackets are nested more than %d deep", path, maxDepth)
		}
	}
	return nil
}

// diagError puts every diagnostic on a line: FILE:LINE,COLUMN: what; why.
func diagError(diags hcl.Diagnostics) error {
	var lines []string
	for _, d := range diags {
		if d.Severity == hcl.DiagError {
			lines = append(lines, d.Error())
		}
	}
	slices.Sort(lines)
	return errors.New(strings.Join(slices.Compact(lines), "\n"))
}
