package main

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/shim"
	"github.com/droverhq/drover/test/process"
)

// dockerRuns is how often a container is started.
const dockerRuns = 10

// dockerImage is made of drover-shim alone, which does nothing in it.
const dockerImage = "drover-bench/pause:1"

// measureDocker measures what drover adds to what the engine itself takes to make and
// start the same container. It uses the engine that the docker command would use.
func measureDocker(ctx context.Context, b *bench) (err error) {
	engine, err := client.New(client.FromEnv)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, engine.Close()) }()
	if _, err := engine.Ping(ctx, client.PingOptions{NegotiateAPIVersion: true}); err != nil {
		fmt.Fprintf(os.Stderr, "not measured, no engine answers: %v\n", err)
		return nil
	}
	if err := importPause(ctx, engine, filepath.Join(b.bin, shim.Name)); err != nil {
		return err
	}
	alone, err := engineAlone(ctx, engine)
	if err != nil {
		return err
	}
	return b.withDev(ctx, func(a *process.Agent) error {
		var times []time.Duration
		for i := range dockerRuns {
			id := fmt.Sprintf("docker-%d", i)
			j := job(id, api.JobTypeService, 1, "")
			j.TaskGroups[0].Tasks[0].Driver = "docker"
			j.TaskGroups[0].Tasks[0].Config = map[string]any{"image": dockerImage, "network_mode": "none"}
			start := time.Now()
			if err := register(ctx, a.Client, j); err != nil {
				return err
			}
			if err := untilSummary(ctx, a.Client, id, func(s api.TaskGroupSummary) bool { return s.Running == 1 }); err != nil {
				return err
			}
			times = append(times, time.Since(start))
		}
		b.add(fmt.Sprintf("job run to task running (docker), beyond the engine's own %.2f s", alone), median(times)-alone,
			budget{unit: "s", must: 0.1, aims: 0.03})
		return nil
	})
}

func importPause(ctx context.Context, engine *client.Client, program string) error {
	content, err := os.ReadFile(program)
	if err != nil {
		return err
	}
	var root bytes.Buffer
	archive := tar.NewWriter(&root)
	err = archive.WriteHeader(&tar.Header{Name: shim.Name, Mode: 0o755, Size: int64(len(content)), Typeflag: tar.TypeReg})
	if err == nil {
		_, err = archive.Write(content)
	}
	if err = errors.Join(err, archive.Close()); err != nil {
		return err
	}
	answer, err := engine.ImageImport(ctx, client.ImageImportSource{Source: &root, SourceName: "-"}, dockerImage, client.ImageImportOptions{
		Changes: []string{fmt.Sprintf(`ENTRYPOINT ["/%s","%s"]`, shim.Name, shim.PauseArg)},
	})
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, answer)
	return errors.Join(err, answer.Close())
}

// engineAlone returns what the engine takes, in seconds.
func engineAlone(ctx context.Context, engine *client.Client) (float64, error) {
	var times []time.Duration
	for range dockerRuns {
		start := time.Now()
		made, err := engine.ContainerCreate(ctx, client.ContainerCreateOptions{
			Config: &container.Config{Image: dockerImage}, HostConfig: &container.HostConfig{NetworkMode: "none"},
		})
		if err == nil {
			_, err = engine.ContainerStart(ctx, made.ID, client.ContainerStartOptions{})
		}
		times = append(times, time.Since(start))
		if made.ID != "" {
			_, removeErr := engine.ContainerRemove(ctx, made.ID, client.ContainerRemoveOptions{Force: true})
			err = errors.Join(err, removeErr)
		}
		if err != nil {
			return 0, err
		}
	}
	return median(times), nil
}
