package cli

import (
	"bufio"
	"fmt"
	"strings"
)

// confirm asks a question that is to be answered with yes or no; without an answer it
// is no. The error says that there was nobody to answer.
func (c *cli) confirm(format string, args ...any) (bool, error) {
	fmt.Fprintf(c.Out, format+" [y/N] ", args...)
	answer, err := bufio.NewReader(c.In).ReadString('\n')
	if err != nil {
		return false, failf(1, "Failed to parse answer: %v\nWith -yes nothing is asked.", err)
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return true, nil
	case "", "n", "no":
		return false, nil
	}
	return false, failf(1, "%q is neither yes nor no", strings.TrimSpace(answer))
}
