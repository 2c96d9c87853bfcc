package e2e

import (
	"strings"
	"testing"

	"github.com/droverhq/drover/test/cluster"
)

func TestMain(m *testing.M) { cluster.Main(m) }

// newAgent starts an agent that is server and node.
func newAgent(t *testing.T, args ...string) *cluster.Agent {
	t.Helper()
	return cluster.Start(t, cluster.Options{Args: args})
}

// contains expects every one of the texts in what was printed.
func contains(t *testing.T, out string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(out, text) {
			t.Errorf("missing %q in:\n%s", text, out)
		}
	}
}
