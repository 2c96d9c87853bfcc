package shim

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

var errNoProgram = errors.New("is not a program that can be run")

// Program returns the program to start as a shim: the one at path if it is not empty,
// else the one beside the running program, else the running program itself, which has
// to be started by the name drover-shim.
func Program(path string) (string, error) {
	if path != "" {
		return path, runnable(path)
	}
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	if beside := filepath.Join(filepath.Dir(self), Name); runnable(beside) == nil {
		return beside, nil
	}
	return "/proc/self/exe", nil // also when the file has been replaced by an upgrade
}

func runnable(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() || info.Mode()&0o111 == 0 {
		return fmt.Errorf("%s: %w", path, errNoProgram)
	}
	return nil
}
