// Command program is what the tests of the driver wasm run: it does what its arguments
// say, one after the other.
package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

func main() {
	for _, arg := range os.Args[1:] {
		what, of, _ := strings.Cut(arg, "=")
		if err := do(what, of); err != nil {
			fmt.Printf("%s: %v\n", what, err)
		}
	}
}

func do(what, of string) error {
	switch what {
	case "args":
		fmt.Printf("args %q\n", os.Args[1:])
	case "env":
		value, set := os.LookupEnv(of)
		fmt.Println("env", of, value, set)
	case "stdin":
		text, err := io.ReadAll(os.Stdin)
		fmt.Printf("stdin %q\n", text)
		return err
	case "complain":
		fmt.Fprintln(os.Stderr, of)
	case "write":
		return os.WriteFile(of, []byte("written"), 0o600)
	case "read":
		text, err := os.ReadFile(of)
		fmt.Printf("read %q\n", text)
		return err
	case "list":
		entries, err := os.ReadDir(of)
		for _, e := range entries {
			fmt.Println("entry", e.Name())
		}
		return err
	case "take":
		var kept [][]byte
		for range 1 << 16 {
			block := make([]byte, 1<<20)
			for i := 0; i < len(block); i += 4096 {
				block[i] = 1
			}
			kept = append(kept, block)
		}
		fmt.Println("took", len(kept))
	case "sleep":
		time.Sleep(time.Hour)
	case "panic":
		panic(of)
	}
	return nil
}
