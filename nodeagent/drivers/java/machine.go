package java

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// machine is the Java machine of the node. To ask it for its version takes a tenth of a
// second and more, so that is done again only when its program is another.
type machine struct {
	program string

	mu       sync.Mutex // guards what is below
	path     string
	modified time.Time
	found    map[string]string
}

// detect returns what the Java machine says of itself.
func (m *machine) detect(ctx context.Context) (map[string]string, error) {
	path, err := exec.LookPath(m.program)
	if err != nil {
		return nil, fmt.Errorf("no Java machine: %w", err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("no Java machine: %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.found == nil || m.path != path || !m.modified.Equal(info.ModTime()) {
		// It writes to its standard error.
		text, err := exec.CommandContext(ctx, path, "-version").CombinedOutput()
		if err != nil {
			return nil, fmt.Errorf("%s -version: %w", path, err)
		}
		m.path, m.modified, m.found = path, info.ModTime(), parseVersion(string(text))
	}
	return maps.Clone(m.found), nil
}

// parseVersion reads what java -version says: three lines, the first with the version
// in quotes, the others about the runtime and the virtual machine. Lines about options
// that were picked up from the environment may come before.
func parseVersion(text string) map[string]string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for len(lines) > 0 && !strings.Contains(lines[0], " version ") {
		lines = lines[1:]
	}
	found := map[string]string{}
	for i, name := range []string{"version", "runtime", "vm"} {
		if i < len(lines) {
			found["driver.java."+name] = strings.TrimSpace(lines[i])
		}
	}
	if _, quoted, ok := strings.Cut(found["driver.java.version"], `"`); ok {
		found["driver.java.version"], _, _ = strings.Cut(quoted, `"`)
	}
	return found
}
