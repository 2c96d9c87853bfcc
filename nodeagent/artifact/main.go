package artifact

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

// Name is the name under which this program must be started to call Main.
const Name = "drover-artifact"

// exitHopeless is the exit code of a process to start which again can't help.
const exitHopeless = 3

// ordersFD is where the process finds what it is told.
const ordersFD = 3

// confinedEnv is set for the second of the two lives of the process, which is confined.
const confinedEnv = "DROVER_ARTIFACT_CONFINED"

// Main is the process that fetches. It reads its orders from a file descriptor, fetches,
// says on its error output why it can't, and never returns.
//
// It lives twice: the kernel confines one thread, and whatever that starts. So a thread is
// confined, and becomes the process anew.
func Main() {
	if err := fetchAsTold(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		if errors.Is(err, errHopeless) {
			os.Exit(exitHopeless)
		}
		os.Exit(1)
	}
	os.Exit(0)
}

func fetchAsTold() error {
	orders := os.NewFile(ordersFD, "orders")
	if _, err := orders.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("%s is started by a node agent, not by hand: %w", Name, err)
	}
	var b brief
	if err := json.NewDecoder(orders).Decode(&b); err != nil {
		return fmt.Errorf("read orders: %w", err)
	}
	if !b.Open && os.Getenv(confinedEnv) == "" {
		if err := becomeConfined(&b); err != nil {
			return fmt.Errorf("confine the process: %w", err)
		}
	}
	go endWithAgent(os.Stdin)
	return get(context.Background(), &b)
}
