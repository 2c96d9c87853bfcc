package hostile

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const unpackedMax = 8 << 20 // bytes that the agent unpacks at most

// zeros makes endless zeros.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}

// site serves a page, and an archive that is a thousand times as large as it looks.
func site(t *testing.T) string {
	t.Helper()
	var bomb bytes.Buffer
	z := zip.NewWriter(&bomb)
	w, err := z.Create("zeros")
	if err == nil {
		_, err = io.CopyN(w, zeros{}, 64*unpackedMax)
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		content := []byte("changed")
		if r.URL.Path == "/bomb.zip" {
			content = bomb.Bytes()
		}
		if _, err := w.Write(content); err != nil && r.Context().Err() == nil {
			t.Log(err)
		}
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

// trick is a job whose task, when it is started first, puts things in the way of what is
// done for it when it is started again.
func trick(id, script, more string) string {
	script = "test -e /alloc/data/again && exec sleep 1000; touch /alloc/data/again; " + script + "; exit 1"
	text := program(id, fmt.Sprintf("command = \"/bin/sh\"\nargs = [\"-c\", %q]", script), more+few)
	return strings.Replace(text, "attempts = 0\n      mode     = \"fail\"", "attempts = 1\n      delay    = \"10ms\"\n      mode     = \"fail\"", 1)
}

func TestWaysOut(t *testing.T) {
	v := newVictim(t, fmt.Sprintf("client {\nartifact {\ndecompression_size_limit = \"%d\"\n}\n}", unpackedMax))
	url := site(t)
	template := func(destination string) string {
		return fmt.Sprintf("template {\ndata = \"changed\"\ndestination = %q\n}\n", destination)
	}
	fetch := func(source, destination string) string {
		return fmt.Sprintf("artifact {\nsource = %q\ndestination = %q\n}\n", url+source, destination)
	}
	link := "rm -rf /local; ln -s " + v.outside + " /local"
	for id, c := range map[string]struct{ script, more string }{
		"link-template": {link, template("local/file")},
		"link-deep":     {"rm -rf /local/deep; ln -s " + v.outside + " /local/deep", template("local/deep/file")},
		"link-file":     {"rm -f /local/file; ln -s " + v.outside + "/file /local/file", template("local/file")},
		"link-logs":     {"rm -rf /alloc/logs; ln -s " + v.outside + " /alloc/logs", ""},
		"link-data":     {"mv /alloc/data /alloc/d; ln -s " + v.outside + " /alloc/data", ""},
		"link-tmp":      {"rm -rf /tmp; ln -s " + v.outside + " /tmp", ""},
		"link-secrets":  {"rm -rf /secrets; ln -s " + v.outside + " /secrets", template("secrets/file")},
		"link-log-file": {"rm -f /alloc/logs/*; ln -s " + v.outside + "/file /alloc/logs/t.stdout.0; ln -s " + v.outside + "/file /alloc/logs/t.stderr.0", ""},
		"link-artifact": {"rm -rf /local/got; ln -s " + v.outside + " /local/got", fetch("/file", "local/got")},
		"pipe-template": {"rm -f /local/file; mkfifo /local/file", template("local/file")},
		"up-template":   {"true", template("../../../../../../" + v.outside + "/file")},
		"up-artifact":   {"true", fetch("/file", "../../../../../../"+v.outside)},
		"bomb-artifact": {"true", fetch("/bomb.zip", "local/")},
		"up-variable":   {"true", fetch("/file", "${NOMAD_ALLOC_DIR}/../../../..")},
	} {
		path := filepath.Join(t.TempDir(), id)
		if err := os.WriteFile(path, []byte(trick(id, c.script, c.more)), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, code := v.Drover("job", "run", "-detach", path); code == 0 {
			v.jobs = append(v.jobs, id)
		} else if !strings.HasPrefix(id, "up-") || !strings.Contains(out, "destination") {
			t.Errorf("%s: exit code %d: %s", id, code, out)
		}
	}
	for _, id := range v.jobs[1:] {
		v.endsOrGoesOn(id)
	}
	allocs := filepath.Join(v.Dir, "data/client/alloc")
	for id := range v.AllocIDs(v.jobs[1:]...) {
		for _, path := range []string{id + "/../../../../agent.hcl", id + "/t/local/file"} {
			out, code := v.Drover("alloc", "fs", id, strings.TrimPrefix(path, id+"/"))
			if code == 0 && strings.Contains(out, untouched) || strings.Contains(out, "plugin") {
				t.Errorf("%s can be read: %s", path, out)
			}
		}
		if info, err := os.Stat(filepath.Join(allocs, id, "t/local/zeros")); err == nil {
			t.Errorf("of the bomb there are %d bytes", info.Size())
		}
	}
	v.cleanedUp()
}
