// Command newcontroller lays out the folder of a controller, with a test that passes, and
// adds it to the list of controllers and to PROJECT:
//
//	make controller NAME=backup KIND=backup_policy
package main

import (
	"flag"
	"fmt"
	"os"
)

func main() {
	name := flag.String("name", "", "of the controller: one lower-case `word`")
	kind := flag.String("kind", "", "that it is for: `Node`, backup_policy")
	root := flag.String("root", ".", "`folder` of the repository")
	flag.Parse()
	made, err := lay(*root, *name, *kind)
	if err != nil {
		fmt.Fprintln(os.Stderr, "make controller:", err)
		os.Exit(1)
	}
	fmt.Printf("made %s\nNext: say in plan.go what should be, in testdata/first.txt what happens, and run\n  go test ./controllers/%s -rewrite\n", made, *name)
}
