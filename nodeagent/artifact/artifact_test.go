package artifact_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/artifact"
)

func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == artifact.Name {
		artifact.Main()
	}
	os.Exit(m.Run())
}

// site serves files by their paths; those that need the header X-Key say so by their
// name.
func site(t *testing.T, files map[string][]byte) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		content, ok := files[r.URL.Path]
		switch {
		case !ok:
			http.NotFound(w, r)
		case strings.HasPrefix(r.URL.Path, "/locked") && r.Header.Get("X-Key") != "open":
			http.Error(w, "locked", http.StatusForbidden)
		default:
			_, err := w.Write(content)
			if err != nil && r.Context().Err() == nil {
				t.Error(err)
			}
		}
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

// taskDir is the directory of a task that nobody can get to.
func taskDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "drover-artifact-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	for _, d := range []string{"", "local", "tmp"} {
		if err := errors.Join(os.MkdirAll(filepath.Join(dir, d), 0o755), os.Chmod(filepath.Join(dir, d), 0o777)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func fetch(t *testing.T, dir string, o artifact.Options, order artifact.Order) error {
	t.Helper()
	order.Root, order.Scratch = dir, "tmp"
	if order.Place == "" {
		order.Place = "local"
	}
	err := artifact.New(o).Fetch(t.Context(), order)
	if left, readErr := os.ReadDir(filepath.Join(dir, "tmp")); readErr != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, readErr)
	}
	return err
}

// refused fails unless an error is an *artifact.Error that says why, and whether to try
// again may help.
func refused(t *testing.T, err error, why string, recoverable bool) {
	t.Helper()
	var failed *artifact.Error
	if !errors.As(err, &failed) || !strings.Contains(err.Error(), why) || failed.Recoverable() != recoverable {
		t.Errorf("got %v, not %q (recoverable: %t)", err, why, recoverable)
	}
}

func holds(t *testing.T, path, want string) {
	t.Helper()
	if got, err := os.ReadFile(path); err != nil || string(got) != want {
		t.Errorf("%s holds %q, %v", path, got, err)
	}
}

type entry struct {
	name, body, link string
}

func tarball(t *testing.T, entries ...entry) []byte {
	t.Helper()
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	w := tar.NewWriter(z)
	for _, e := range entries {
		h := &tar.Header{Name: e.name, Mode: 0o644, Size: int64(len(e.body)), Typeflag: tar.TypeReg, Linkname: e.link}
		if e.link != "" {
			h.Typeflag = tar.TypeSymlink
		}
		err := w.WriteHeader(h)
		if err == nil {
			_, err = io.WriteString(w, e.body)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func zipped(t *testing.T, files int, body string) []byte {
	t.Helper()
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	for i := range files {
		w, err := z.Create(fmt.Sprintf("file-%d", i))
		if err == nil {
			_, err = io.WriteString(w, body)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func TestWhatIsOrderedIsInItsPlace(t *testing.T) {
	page := []byte("hello")
	sum := fmt.Sprintf("sha256:%x", sha256.Sum256(page))
	url := site(t, map[string][]byte{
		"/page": page, "/locked": page,
		"/web.tar.gz": tarball(t, entry{name: "a/b", body: "in it"}), "/web.zip": zipped(t, 2, "zipped"),
	})
	for name, c := range map[string]struct {
		order   artifact.Order
		options map[string]string
		file    string // where it is to be
		holds   string
	}{
		"a file into a directory":  {artifact.Order{Source: url + "/page"}, nil, "local/page", "hello"},
		"under another name":       {artifact.Order{Source: url + "/page", Mode: "file", Place: "local/x/y"}, nil, "local/x/y", "hello"},
		"with a checksum":          {artifact.Order{Source: url + "/page"}, map[string]string{"checksum": sum}, "local/page", "hello"},
		"with a header":            {artifact.Order{Source: url + "/locked", Headers: map[string]string{"X-Key": "open"}}, nil, "local/locked", "hello"},
		"out of a tar archive":     {artifact.Order{Source: url + "/web.tar.gz"}, nil, "local/a/b", "in it"},
		"a part of an archive":     {artifact.Order{Source: url + "/web.tar.gz//a"}, nil, "local/b", "in it"},
		"out of a zip archive":     {artifact.Order{Source: url + "/web.zip", Place: "local/zip"}, nil, "local/zip/file-1", "zipped"},
		"an archive as it is":      {artifact.Order{Source: url + "/page"}, map[string]string{"archive": "false"}, "local/page", "hello"},
		"in place of an older one": {artifact.Order{Source: url + "/page", Mode: "file", Place: "local/older"}, nil, "local/older", "hello"},
	} {
		dir := taskDir(t)
		if err := os.WriteFile(filepath.Join(dir, "local/older"), []byte("older, and longer"), 0o644); err != nil {
			t.Fatal(err)
		}
		source, err := artifact.SourceOf(&api.TaskArtifact{GetterSource: &c.order.Source, GetterOptions: c.options}, func(s string) string { return s })
		if err != nil {
			t.Fatal(err)
		}
		c.order.Source = source
		if err := fetch(t, dir, artifact.Options{}, c.order); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		holds(t, filepath.Join(dir, c.file), c.holds)
	}
}

func TestWhatCannotBeHadIsExplained(t *testing.T) {
	url := site(t, map[string][]byte{
		"/page": []byte("hello"), "/up.tar.gz": tarball(t, entry{name: "../../escaped", body: "x"}),
		"/bomb.zip": zipped(t, 1, strings.Repeat("0", 64<<20)), "/many.zip": zipped(t, 101, ""),
		"/large": bytes.Repeat([]byte("x"), 2<<20),
	})
	limits := artifact.Limits{DecompressionMaxBytes: 1 << 20, DecompressionMaxFiles: 100, HTTPMaxBytes: 1 << 20}
	for source, c := range map[string]struct {
		why   string
		again bool
	}{
		url + "/missing": {"bad response code: 404", true},
		url + "/page?checksum=md5:5d41402abc4b2a76b9719d911017c593": {"Checksums did not match", false},
		url + "/up.tar.gz":           {"contains '..'", false},
		url + "/bomb.zip":            {"larger than limit", false},
		url + "/many.zip":            {"too many files", false},
		url + "/large":               {"larger than limit", false},
		"s3::https://x/y":            {"type s3 are not supported", false},
		"/etc/hostname":              {"filesystem_isolation_extra_paths", false},
		"file:///etc/hostname":       {"filesystem_isolation_extra_paths", false},
		"http://127.0.0.1:1/nothing": {"connection refused", true},
	} {
		dir := taskDir(t)
		refused(t, fetch(t, dir, artifact.Options{Limits: limits}, artifact.Order{Source: source}), c.why, c.again)
		if left, err := os.ReadDir(filepath.Join(dir, "local")); err != nil || len(left) > 0 {
			t.Errorf("%s: the task would find %v, %v", source, left, err)
		}
	}
}

func TestAMessageShowsNoSecrets(t *testing.T) {
	err := fetch(t, taskDir(t), artifact.Options{}, artifact.Order{Source: "s3::https://user:pass@host/x?key=secret"})
	if text := err.Error(); strings.Contains(text, "pass") || strings.Contains(text, "secret") {
		t.Error(text)
	}
}

// repository makes a git repository that can be fetched over HTTP.
func repository(t *testing.T, links map[string]string) string {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed: artifacts from git were not tried")
	}
	dir := t.TempDir()
	git := func(args ...string) {
		cmd := exec.Command("git", args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@b", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@b")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v: %s", args, err, out)
		}
	}
	if err := errors.Join(os.Mkdir(filepath.Join(dir, "sub"), 0o755), os.WriteFile(filepath.Join(dir, "sub/file"), []byte("of git"), 0o644)); err != nil {
		t.Fatal(err)
	}
	for name, target := range links {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	git("init", "-q", "-b", "main")
	git("add", ".")
	git("commit", "-q", "-m", "first")
	git("tag", "v1")
	git("update-server-info")
	srv := httptest.NewServer(http.FileServer(http.Dir(dir)))
	t.Cleanup(srv.Close)
	return "git::" + srv.URL + "/.git"
}

func TestFromGit(t *testing.T) {
	source := repository(t, map[string]string{"near": "sub/file"})
	dir := taskDir(t)
	if err := fetch(t, dir, artifact.Options{}, artifact.Order{Source: source + "?ref=v1", Place: "local/repo"}); err != nil {
		t.Fatal(err)
	}
	holds(t, filepath.Join(dir, "local/repo/sub/file"), "of git")
	holds(t, filepath.Join(dir, "local/repo/near"), "of git")
	if err := fetch(t, dir, artifact.Options{}, artifact.Order{Source: source + "//sub", Place: "local/part"}); err != nil {
		t.Fatal(err)
	}
	holds(t, filepath.Join(dir, "local/part/file"), "of git")
}

func TestLinksThatLeadOutAreRefused(t *testing.T) {
	for _, target := range []string{"/etc/passwd", "../../secrets", "sub/../../x"} {
		source := repository(t, map[string]string{"evil": target})
		dir := taskDir(t)
		refused(t, fetch(t, dir, artifact.Options{}, artifact.Order{Source: source}), "leads out of it", false)
		if left, err := os.ReadDir(filepath.Join(dir, "local")); err != nil || len(left) > 0 {
			t.Errorf("the task would find %v, %v", left, err)
		}
		if err := fetch(t, dir, artifact.Options{TrustLinks: true}, artifact.Order{Source: source}); err != nil {
			t.Errorf("by an operator's leave: %v", err)
		}
	}
}

func TestADestinationIsNotReachedThroughALinkThatLeadsOut(t *testing.T) {
	url := site(t, map[string][]byte{"/page": []byte("hello")})
	outside := t.TempDir()
	for _, place := range []string{"local/link", "local/link/deeper"} {
		dir := taskDir(t)
		if err := os.Symlink(outside, filepath.Join(dir, "local/link")); err != nil {
			t.Fatal(err)
		}
		if err := fetch(t, dir, artifact.Options{}, artifact.Order{Source: url + "/page", Place: place}); err == nil && place != "local/link" {
			t.Errorf("%s: fetched through the link", place)
		}
		if left, err := os.ReadDir(outside); err != nil || len(left) > 0 {
			t.Errorf("%s: outside there is %v, %v", place, left, err)
		}
	}
}

func TestFilesOfTheNodeThatTheOperatorOffers(t *testing.T) {
	offered := filepath.Join(t.TempDir(), "offered")
	if err := errors.Join(os.Mkdir(offered, 0o755), os.WriteFile(filepath.Join(offered, "f"), []byte("own"), 0o644)); err != nil {
		t.Fatal(err)
	}
	for dir := offered; dir != os.TempDir(); dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	dir := taskDir(t)
	o := artifact.Options{ReadPaths: []string{offered}}
	if err := errors.Join(
		fetch(t, dir, o, artifact.Order{Source: "file://" + offered + "/f"}),
		fetch(t, dir, o, artifact.Order{Source: offered, Place: "local/all"}),
	); err != nil {
		t.Fatal(err)
	}
	holds(t, filepath.Join(dir, "local/f"), "own")
	holds(t, filepath.Join(dir, "local/all/f"), "own")
	refused(t, fetch(t, dir, o, artifact.Order{Source: offered + "/../x"}), "filesystem_isolation_extra_paths", false)
}

func TestWhoIsCancelledLeavesNothing(t *testing.T) {
	asked := make(chan struct{}, 10)
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		<-r.Context().Done()
	}))
	defer srv.Close()
	dir := taskDir(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("not wanted any more")
	go func() {
		<-asked
		cancel(why)
	}()
	err := artifact.New(artifact.Options{}).Fetch(ctx, artifact.Order{Source: srv.URL + "/x", Root: dir, Place: "local", Scratch: "tmp"})
	refused(t, err, why.Error(), true)
	if left, err := os.ReadDir(filepath.Join(dir, "tmp")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
