package artifact

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	getter "github.com/hashicorp/go-getter/v2"
)

// headTimeout bounds the question what a server has, before it is fetched.
const headTimeout = 10 * time.Second

// get fetches, in the process that is confined.
func get(ctx context.Context, b *brief) error {
	modes := map[string]getter.Mode{"": getter.ModeAny, ModeAny: getter.ModeAny, ModeFile: getter.ModeFile, ModeDir: getter.ModeDir}
	mode, known := modes[b.Mode]
	if !known {
		return hopeless(fmt.Sprintf("mode %q is not one of any, file, dir", b.Mode))
	}
	client := getter.Client{
		Getters:         getters(b),
		Decompressors:   getter.LimitedDecompressors(b.Limits.DecompressionMaxFiles, b.Limits.DecompressionMaxBytes),
		DisableSymlinks: true,
	}
	_, err := client.Get(ctx, &getter.Request{Src: b.Source, Dst: b.Target, GetMode: mode, Umask: 0o022})
	return explain(err)
}

func getters(b *brief) []getter.Getter {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	if b.Insecure {
		transport.TLSClientConfig = &tls.Config{InsecureSkipVerify: true}
	}
	header := http.Header{}
	for name, value := range b.Headers {
		header.Set(name, value)
	}
	return []getter.Getter{
		&getter.GitGetter{
			Detectors: []getter.Detector{new(getter.GitHubDetector), new(getter.GitDetector), new(getter.BitBucketDetector), new(getter.GitLabDetector)},
			Timeout:   b.Limits.GitTimeout,
		},
		&getter.HttpGetter{
			Netrc: true, XTerraformGetDisabled: true, Header: header,
			Client:           &http.Client{Transport: limited{transport, b.Limits.HTTPMaxBytes}},
			HeadFirstTimeout: headTimeout, ReadTimeout: b.Limits.HTTPReadTimeout,
		},
		localGetter{b},
	}
}

// explain marks what to try again can't help with.
func explain(err error) error {
	if err == nil {
		return nil
	}
	var sum *getter.ChecksumError
	lasting := errors.As(err, &sum)
	for _, text := range []string{"larger than limit", "too many files", "contains '..'", "path traversal", "invalid checksum"} {
		lasting = lasting || strings.Contains(err.Error(), text)
	}
	if lasting {
		return hopeless(err.Error())
	}
	return err
}

// localGetter copies from the node itself, what the operator offers.
type localGetter struct{ b *brief }

// Detect implements getter.Getter.
func (g localGetter) Detect(r *getter.Request) (bool, error) {
	if r.Forced != "" && r.Forced != "file" {
		return false, nil
	}
	u, err := url.Parse(r.Src)
	if err != nil || u.Scheme != "file" && !filepath.IsAbs(r.Src) {
		return false, nil
	}
	within := func(dir string) bool {
		rel, err := filepath.Rel(dir, filepath.Clean(u.Path))
		return err == nil && filepath.IsLocal(rel)
	}
	if !g.b.Open && !slices.ContainsFunc(g.b.ReadPaths, within) {
		return true, hopeless("files of the node are fetched only from what client.artifact.filesystem_isolation_extra_paths lists")
	}
	return true, nil
}

// Mode implements getter.Getter.
func (localGetter) Mode(_ context.Context, u *url.URL) (getter.Mode, error) {
	info, err := os.Stat(u.Path)
	if err != nil {
		return getter.ModeInvalid, err
	}
	if info.IsDir() {
		return getter.ModeDir, nil
	}
	return getter.ModeFile, nil
}

// Get implements getter.Getter.
func (localGetter) Get(_ context.Context, r *getter.Request) error {
	return os.CopyFS(r.Dst, os.DirFS(r.URL().Path))
}

// GetFile implements getter.Getter.
func (localGetter) GetFile(_ context.Context, r *getter.Request) error {
	from, to := r.URL().Path, r.Dst
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	info, err := in.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no file", from)
	}
	if err == nil {
		err = r.CopyReader(to, in, info.Mode().Perm(), 0)
	}
	return errors.Join(err, in.Close())
}
