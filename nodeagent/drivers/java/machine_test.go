package java

import (
	"maps"
	"testing"
)

func TestAVersionIsRead(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want map[string]string
	}{
		"of Debian": {
			"openjdk version \"17.0.15\" 2025-04-15\nOpenJDK Runtime Environment (build 17.0.15+6)\nOpenJDK 64-Bit Server VM (build 17.0.15+6, mixed mode)\n",
			map[string]string{
				"driver.java.version": "17.0.15", "driver.java.runtime": "OpenJDK Runtime Environment (build 17.0.15+6)",
				"driver.java.vm": "OpenJDK 64-Bit Server VM (build 17.0.15+6, mixed mode)",
			},
		},
		"with options": {
			"Picked up JAVA_TOOL_OPTIONS: -Xmx1g\njava version \"1.8.0_36\"\nJava(TM) SE Runtime Environment\nJava HotSpot(TM)\n",
			map[string]string{"driver.java.version": "1.8.0_36", "driver.java.runtime": "Java(TM) SE Runtime Environment", "driver.java.vm": "Java HotSpot(TM)"},
		},
		"of something else": {"usage: java\n", map[string]string{}},
	} {
		if got := parseVersion(c.text); !maps.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
