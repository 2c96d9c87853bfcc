package faults

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/droverhq/drover/nodeagent/network/networktest"
	"github.com/droverhq/drover/test/cluster"
)

func TestMain(m *testing.M) {
	networktest.Enter() // some tests look at all networks of the machine
	cluster.Main(m)
}

// effort is how often a test repeats what it repeats: n times DROVER_FAULTS.
func effort(t *testing.T, n int) int {
	t.Helper()
	v := os.Getenv("DROVER_FAULTS")
	if v == "" {
		return n
	}
	factor, err := strconv.Atoi(v)
	if err != nil {
		t.Fatalf("DROVER_FAULTS=%s: a number is wanted", v)
	}
	return n * factor
}

// seeded returns a source of randomness whose seed is printed if the test fails.
func seeded(t *testing.T) *rand.Rand {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("seed %d", seed)
		}
	})
	return rand.New(rand.NewPCG(seed, 0))
}

// moment is a random one, at most so far away.
func moment(r *rand.Rand, most time.Duration) <-chan time.Time {
	return time.After(time.Duration(r.Int64N(int64(most))))
}

// jobFile writes a job to a file of its own. Outside of strings, semicolons and braces
// end lines, so that a job can be written densely.
func jobFile(t *testing.T, text string) string {
	t.Helper()
	var b strings.Builder
	quoted := false
	for _, c := range text {
		if c == '"' {
			quoted = !quoted
		}
		switch {
		case quoted:
			b.WriteRune(c)
		case c == ';':
			b.WriteByte('\n')
		case c == '{':
			b.WriteString("{\n")
		case c == '}':
			b.WriteString("\n}\n")
		default:
			b.WriteRune(c)
		}
	}
	path := filepath.Join(t.TempDir(), "job.nomad.hcl")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
