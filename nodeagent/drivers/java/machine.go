package java

import "strings"

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
