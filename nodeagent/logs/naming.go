package logs

import (
	"strconv"
	"strings"
)

// Outputs of a task.
const (
	Stdout = "stdout"
	Stderr = "stderr"
)

// Prefix returns what the names of the files of an output begin with: server.stdout.
func Prefix(task, output string) string { return task + "." + output }

// Name returns the name of a file: server.stdout.7.
func Name(prefix string, index int64) string {
	return prefix + "." + strconv.FormatInt(index, 10)
}

// Index returns the number of a file with the prefix; false if it is not one.
func Index(name, prefix string) (int64, bool) {
	digits, ok := strings.CutPrefix(name, prefix+".")
	if !ok {
		return 0, false
	}
	index, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || index < 0 || strconv.FormatInt(index, 10) != digits {
		return 0, false
	}
	return index, true
}
