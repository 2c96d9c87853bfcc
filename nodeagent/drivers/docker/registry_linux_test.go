package docker_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// registry is one of images, as far as an engine asks for them: each name under it is an
// image with the same root. It may want a password; below hangs/ it does not answer.
type registry struct {
	addr   string
	locked bool
	blobs  map[string][]byte
	index  []byte // the manifest

	mu    sync.Mutex // guards pulls
	pulls map[string]int
}

const (
	registryUser     = "shopper"
	registryPassword = "s3same:open"
)

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:])
}

func startRegistry(t *testing.T, e *engine, locked bool) *registry {
	t.Helper()
	root := shellRoot()
	var layer bytes.Buffer
	zip := gzip.NewWriter(&layer)
	if _, err := zip.Write(root); err != nil {
		t.Fatal(err)
	}
	if err := zip.Close(); err != nil {
		t.Fatal(err)
	}
	r := &registry{locked: locked, blobs: map[string][]byte{}, pulls: map[string]int{}}
	encode := func(v any) []byte {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	config := encode(map[string]any{
		"architecture": "amd64", "os": "linux", "config": map[string]any{"Labels": map[string]string{"from": "registry"}},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{digest(root)}},
	})
	const kind = "application/vnd.docker."
	blob := func(mediaType string, b []byte) map[string]any {
		r.blobs[digest(b)] = b
		return map[string]any{"mediaType": mediaType, "size": len(b), "digest": digest(b)}
	}
	r.index = encode(map[string]any{
		"schemaVersion": 2, "mediaType": kind + "distribution.manifest.v2+json",
		"config": blob(kind+"container.image.v1+json", config), "layers": []any{blob(kind+"image.rootfs.diff.tar.gzip", layer.Bytes())},
	})
	l, err := e.listen()
	if err != nil {
		t.Fatal(err)
	}
	r.addr = l.Addr().(*net.TCPAddr).String()
	server := &http.Server{Handler: r}
	go func() { _ = server.Serve(l) }() // ends with Close
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func (r *registry) pulled(name string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.pulls[name]
}

func (r *registry) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	name, what, _ := strings.Cut(strings.TrimPrefix(req.URL.Path, "/v2/"), "/manifests/")
	w.Header().Set("Docker-Distribution-Api-Version", "registry/2.0")
	user, password, _ := req.BasicAuth()
	switch {
	case r.locked && (user != registryUser || password != registryPassword):
		w.Header().Set("WWW-Authenticate", `Basic realm="shop"`)
		w.WriteHeader(http.StatusUnauthorized)
	case req.URL.Path == "/v2/":
	case strings.HasPrefix(name, "hangs/"):
		<-req.Context().Done()
	case what != "" && strings.HasPrefix(name, "missing/"):
		w.WriteHeader(http.StatusNotFound)
		_, _ = w.Write([]byte(`{"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}]}`))
	case what != "":
		if req.Method == http.MethodHead {
			r.mu.Lock()
			r.pulls[name]++
			r.mu.Unlock()
		}
		w.Header().Set("Content-Type", "application/vnd.docker.distribution.manifest.v2+json")
		w.Header().Set("Docker-Content-Digest", digest(r.index))
		_, _ = w.Write(r.index)
	default:
		_, blob, _ := strings.Cut(name, "/blobs/")
		_, _ = w.Write(r.blobs[blob])
	}
}
