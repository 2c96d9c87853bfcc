package shim

import (
	"errors"
	"os"
	"path/filepath"
)

// Program returns the program to start as a shim: the one at path if it is not empty,
// else the one beside the running program, else the running program itself, which has
// to be started by the name drover-shim.
func Program(path string) (string, error) {
	if path != "" {
		return path, CheckProgram(path)
	}
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	if beside := filepath.Join(filepath.Dir(self), Name); CheckProgram(beside) == nil {
		return beside, nil
	}
	return "/proc/self/exe", nil // also when the file has been replaced by an upgrade
}

// CheckProgram reports why a file can't be run as a program.
func CheckProgram(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() || info.Mode()&0o111 == 0 {
		return errors.New(path + " is not a program that can be run")
	}
	return nil
}
