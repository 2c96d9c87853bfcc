package jobspec

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// fileFunctions read files of the machine on which the job is parsed. A relative
// path starts from the folder of the job file. Where files must not be read, all
// of them fail.
func fileFunctions(folder string, allowed bool) evalFunctions {
	base := baseFolder(folder)
	functions := evalFunctions{
		"abspath":  textFunction(filepath.Abs),
		"basename": textFunction(func(path string) (string, error) { return filepath.Base(path), nil }),
		"dirname":  textFunction(func(path string) (string, error) { return filepath.Dir(path), nil }),
		"file": textFunction(func(path string) (string, error) {
			b, err := base.read(path)
			if err == nil && !utf8.Valid(b) {
				err = fmt.Errorf("%s is not text; use filebase64", path)
			}
			return string(b), err
		}),
		"filebase64": textFunction(func(path string) (string, error) {
			b, err := base.read(path)
			return base64.StdEncoding.EncodeToString(b), err
		}),
		"fileexists": function.New(&function.Spec{
			Params: []function.Parameter{{Name: "path", Type: cty.String}},
			Type:   function.StaticReturnType(cty.Bool),
			Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
				info, err := os.Stat(base.path(args[0].AsString()))
				if err != nil && !errors.Is(err, fs.ErrNotExist) {
					return cty.NilVal, err
				}
				return cty.BoolVal(err == nil && info.Mode().IsRegular()), nil
			},
		}),
		"fileset": function.New(&function.Spec{
			Params: []function.Parameter{{Name: "folder", Type: cty.String}, {Name: "pattern", Type: cty.String}},
			Type:   function.StaticReturnType(cty.Set(cty.String)),
			Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
				return base.list(args[0].AsString(), args[1].AsString())
			},
		}),
		"pathexpand": textFunction(expandHome),
	}
	if allowed {
		return functions
	}
	for name, inner := range functions {
		functions[name] = function.New(&function.Spec{
			Params: inner.Params(),
			Type: func([]cty.Value) (cty.Type, error) {
				return cty.NilType, fmt.Errorf("files can't be read here; %s works where the job file is, on the command line", name)
			},
			Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) { return inner.Call(args) },
		})
	}
	return functions
}

// baseFolder is where relative paths start.
type baseFolder string

func (b baseFolder) path(path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(string(b), path)
}

// read reads a regular file that is not larger than a job may be. Devices and
// pipes, which may have no end, are refused.
func (b baseFolder) read(path string) ([]byte, error) {
	path = b.path(path)
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(io.LimitReader(file, MaxSourceBytes+1))
	if err := errors.Join(err, file.Close()); err != nil {
		return nil, err
	}
	if len(content) > MaxSourceBytes {
		return nil, fmt.Errorf("%s is larger than %d bytes", path, MaxSourceBytes)
	}
	return content, nil
}

// list returns the regular files of a folder whose paths match the pattern.
func (b baseFolder) list(folder, pattern string) (cty.Value, error) {
	matches, err := fs.Glob(os.DirFS(b.path(folder)), filepath.ToSlash(pattern))
	if err != nil {
		return cty.NilVal, function.NewArgError(1, err)
	}
	var out []cty.Value
	for _, match := range matches {
		if info, err := os.Stat(filepath.Join(b.path(folder), match)); err == nil && info.Mode().IsRegular() {
			out = append(out, cty.StringVal(match))
		}
	}
	if len(out) == 0 {
		return cty.SetValEmpty(cty.String), nil
	}
	return cty.SetVal(out), nil
}

func expandHome(path string) (string, error) {
	rest, ok := strings.CutPrefix(path, "~")
	if !ok || rest != "" && rest[0] != '/' && rest[0] != filepath.Separator {
		return path, nil
	}
	home, err := os.UserHomeDir()
	return filepath.Join(home, rest), err
}
