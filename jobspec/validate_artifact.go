package jobspec

import (
	"path"
	"strings"

	"github.com/droverhq/drover/api"
)

// checkArtifact checks what can be known of an artifact before it is fetched.
func checkArtifact(p place, artifact *api.TaskArtifact) {
	source := strings.TrimSpace(api.Deref(artifact.GetterSource))
	if source == "" {
		p.in("source").addf("say where it is fetched from: https://…, git::https://…")
	}
	for _, kind := range []string{"s3", "gcs", "hg"} {
		if strings.HasPrefix(source, kind+"::") {
			p.in("source").unsupported("sources of type " + kind)
		}
	}
	if mode := api.Deref(artifact.GetterMode); !strings.Contains(mode, "${") && mode != "" {
		p.oneOf("mode", mode, "any", "file", "dir")
	}
	checkDestination(p, api.Deref(artifact.RelativeDest))
}

// checkDestination refuses a path of a task that leads out of the allocation whatever
// stands for what is in it.
func checkDestination(p place, destination string) {
	clean := path.Clean(destination)
	if !strings.Contains(clean, "${") && (clean == ".." || strings.HasPrefix(clean, "../") && clean != "../alloc" && !strings.HasPrefix(clean, "../alloc/")) {
		p.in("destination").addf("%q leads out of the directories of the task", destination)
	}
}
