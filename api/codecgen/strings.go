package main

import (
	"bytes"
	"fmt"
	"os"
)

// packStrings has generated code append and read strings by functions of the package,
// which write UUIDs in half the bytes.
func packStrings(file string) error {
	code, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	for from, to := range map[string]string{
		"msgp.AppendString(":    "appendString(",
		"msgp.ReadStringBytes(": "readString(",
	} {
		if !bytes.Contains(code, []byte(from)) {
			return fmt.Errorf("the generated code does not call %s any more", from)
		}
		code = bytes.ReplaceAll(code, []byte(from), []byte(to))
	}
	return os.WriteFile(file, code, 0o644)
}
