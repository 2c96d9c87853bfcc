package jobspec_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/jobspec"
)

var rewrite = flag.Bool("rewrite", false, "write what is expected anew, to be reviewed like code")

// Every file of testdata/corpus parses to the .json beside it: the spec, without
// what is null, and the warnings.
func TestCorpus(t *testing.T) {
	for _, file := range glob(t, "testdata/corpus/*.hcl") {
		t.Run(filepath.Base(file), func(t *testing.T) {
			job, warnings, err := jobspec.Parse(jobspec.ParseOptions{Path: filepath.Base(file), Body: readFile(t, file)})
			if err != nil {
				t.Fatal(err)
			}
			spec, err := api.SpecJSON(job)
			if err != nil {
				t.Fatal(err)
			}
			expect(t, strings.TrimSuffix(file, ".hcl")+".json", pretty(t, map[string]any{
				"Job": withoutNull(tree(t, spec)), "Warnings": warnings,
			}))
		})
	}
}

// Every file of testdata/errors is refused with the text of the .txt beside it.
func TestErrors(t *testing.T) {
	for _, file := range glob(t, "testdata/errors/*.hcl") {
		t.Run(filepath.Base(file), func(t *testing.T) {
			_, _, err := jobspec.Parse(jobspec.ParseOptions{Path: filepath.Base(file), Body: readFile(t, file)})
			if err == nil {
				t.Fatal("it was accepted")
			}
			expect(t, strings.TrimSuffix(file, ".hcl")+".txt", []byte(err.Error()+"\n"))
		})
	}
}

// Every file of testdata/validate parses, and is refused or warned about as the
// .txt beside it says.
func TestValidate(t *testing.T) {
	for _, file := range glob(t, "testdata/validate/*.hcl") {
		t.Run(filepath.Base(file), func(t *testing.T) {
			job := parseFile(t, file)
			older := jobspec.Canonicalize(job)
			warnings, err := jobspec.Validate(job)
			text := jobspec.WarningText(append(older, warnings...)) + "\n"
			if err != nil {
				text += err.Error() + "\n"
			}
			expect(t, strings.TrimSuffix(file, ".hcl")+".txt", []byte(text))
		})
	}
}

func glob(t testing.TB, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("no files %s: %v", pattern, err)
	}
	return files
}

func expect(t *testing.T, file string, got []byte) {
	t.Helper()
	if *rewrite {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if want := readFile(t, file); !bytes.Equal(want, got) {
		t.Errorf("%s:\n%s\nbut got:\n%s", file, want, got)
	}
}

func pretty(t *testing.T, v any) []byte {
	t.Helper()
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(v); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// withoutNull removes members that are null.
func withoutNull(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for key, element := range v {
			if element == nil {
				delete(v, key)
			}
			withoutNull(element)
		}
	case []any:
		for _, element := range v {
			withoutNull(element)
		}
	}
	return v
}
