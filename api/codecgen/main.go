// Command codecgen writes the msgp codec of a package's types: like msgp's own
// command, but every field that is zero is left out, and nil is kept apart from
// empty, without a tag on each of hundreds of fields; and UUIDs, of which objects are
// full, take 18 bytes instead of 38.
//
//	//go:generate go run github.com/droverhq/drover/api/codecgen -o codec_gen.go
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/tinylib/msgp/gen"
	"github.com/tinylib/msgp/parse"
	"github.com/tinylib/msgp/printer"
)

func main() {
	out := flag.String("o", "codec_gen.go", "file to write")
	dir := flag.String("dir", ".", "folder of the package")
	flag.Parse()
	if err := run(*dir, *out); err != nil {
		fmt.Fprintln(os.Stderr, "codecgen:", err)
		os.Exit(1)
	}
}

func run(dir, out string) (err error) {
	sources, err := os.MkdirTemp("", "codecgen")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(sources)) }()
	if err := copySources(sources, dir, filepath.Base(out)); err != nil {
		return err
	}
	files, err := parse.File(sources, false, []string{"timezone utc", "newtime"})
	if err != nil {
		return fmt.Errorf("parse %s: %w", dir, err)
	}
	for _, element := range files.Identities {
		omitZero(element)
	}
	if err := printer.PrintFile(out, files, gen.Marshal|gen.Unmarshal|gen.Size); err != nil {
		return fmt.Errorf("write %s: %w", out, err)
	}
	if err := packStrings(out); err != nil {
		return err
	}
	return os.Chmod(out, 0o644)
}

// copySources copies the package's files without its tests, which may be a
// package of their own in the same folder, and without what is generated.
func copySources(to, from, generated string) error {
	names, err := filepath.Glob(filepath.Join(from, "*.go"))
	if err != nil {
		return err
	}
	for _, name := range names {
		base := filepath.Base(name)
		if base == generated || strings.HasSuffix(base, "_test.go") {
			continue
		}
		content, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(to, base), content, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// omitZero marks the fields of every struct in the tree.
func omitZero(element gen.Elem) {
	switch e := element.(type) {
	case *gen.Struct:
		for i := range e.Fields {
			field := &e.Fields[i]
			if len(field.FieldTagParts) == 0 {
				field.FieldTagParts = []string{field.FieldTag}
			}
			if comparable(field.FieldElem) {
				field.FieldTagParts = append(field.FieldTagParts, "omitempty", "allownil")
			}
			omitZero(field.FieldElem)
		}
	case *gen.Ptr:
		omitZero(e.Value)
	case *gen.Slice:
		omitZero(e.Els)
	case *gen.Map:
		omitZero(e.Value)
	case *gen.Array:
		omitZero(e.Els)
	}
}

// comparable reports whether generated code can compare the element with its zero
// value. Slices and maps count: they are compared with nil.
func comparable(element gen.Elem) bool {
	structure, ok := element.(*gen.Struct)
	if !ok {
		return true
	}
	for _, field := range structure.Fields {
		switch field.FieldElem.(type) {
		case *gen.Slice, *gen.Map:
			return false
		}
		if !comparable(field.FieldElem) {
			return false
		}
	}
	return true
}
