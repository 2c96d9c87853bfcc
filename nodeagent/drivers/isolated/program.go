package isolated

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"sync"
	"time"
)

// Program is a program of the node that a Kind needs. To ask it for its version may take
// a tenth of a second and more, so that is done again only when it is another.
type Program struct {
	Name string   // looked for in the agent's PATH
	Args []string // that make it say its version
	// Parse makes attributes of the node of what it says, on either output.
	Parse func(text string) map[string]string

	mu       sync.Mutex // guards what is below
	path     string
	modified time.Time
	found    map[string]string
}

// Detect returns what the program says of itself; it is for a Kind.
func (p *Program) Detect(ctx context.Context) (map[string]string, error) {
	path, err := exec.LookPath(p.Name)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.found == nil || p.path != path || !p.modified.Equal(info.ModTime()) {
		text, err := exec.CommandContext(ctx, path, p.Args...).CombinedOutput()
		if err != nil {
			return nil, fmt.Errorf("%s %v: %w", path, p.Args, err)
		}
		p.path, p.modified, p.found = path, info.ModTime(), p.Parse(string(text))
	}
	return maps.Clone(p.found), nil
}
