package jobspec_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/droverhq/drover/jobspec"
)

const withVariables = `
variable "name" {}

variable "count" {
  type    = number
  default = 1
}

variable "tags" {
  type    = list(string)
  default = []
}

variable "free" {
  default = "x"
}

job "x" {
  meta {
    all = jsonencode([var.name, var.count, var.tags, var.free])
  }
}
`

func TestVariablesTakeTheValueOfHighestPrecedence(t *testing.T) {
	folder := t.TempDir()
	file := filepath.Join(folder, "a.vars")
	write(t, file, `name = "of the file"`+"\ncount = 3\n")
	object := filepath.Join(folder, "b.json")
	write(t, object, `{"tags": ["json"]}`)

	for name, test := range map[string]struct {
		options jobspec.ParseOptions
		want    string
	}{
		"environment": {
			jobspec.ParseOptions{Envs: []string{"NOMAD_VAR_name=n", "NOMAD_VAR_count=2", "DROVER_VAR_count=5", "PATH=/", "broken"}},
			`["n",5,[],"x"]`,
		},
		"file above environment": {
			jobspec.ParseOptions{Envs: []string{"DROVER_VAR_name=d", "DROVER_VAR_free=2"}, VarFiles: []string{file, object}, AllowFS: true},
			`["of the file",3,["json"],"2"]`,
		},
		"flag above file": {
			jobspec.ParseOptions{VarFiles: []string{file}, AllowFS: true, Vars: []string{"name=a=b", `tags=["p", "q"]`, "count=7"}},
			`["a=b",7,["p","q"],"x"]`,
		},
		"text of a file": {
			jobspec.ParseOptions{VarText: "name = upper(\"a\")", Vars: []string{"name=b", "unknown=c"}},
			``,
		},
		"text": {
			jobspec.ParseOptions{VarText: "name = \"t\"\ntags = [for x in [\"u\"] : x]\nunknown = 1", Vars: []string{"gone=c"}},
			`["t",1,["u"],"x"]`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			options := test.options
			options.Path, options.Body = "x.hcl", []byte(withVariables)
			job, _, err := jobspec.Parse(options)
			if test.want == "" {
				if err == nil || !strings.Contains(err.Error(), "unctions") {
					t.Fatalf("a call in a file of variables: %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := job.Meta["all"]; got != test.want {
				t.Errorf("want %s, got %s", test.want, got)
			}
		})
	}
}

func TestWrongValuesOfVariablesAreNamed(t *testing.T) {
	folder := t.TempDir()
	broken := filepath.Join(folder, "broken.vars")
	write(t, broken, "name = \n")
	list := filepath.Join(folder, "list.json")
	write(t, list, `[1]`)
	for name, test := range map[string]struct {
		options jobspec.ParseOptions
		want    string
	}{
		"unset":        {jobspec.ParseOptions{}, `x.hcl:2,1-16: Unset variable; The variable "name" has no value.`},
		"type":         {jobspec.ParseOptions{Vars: []string{"name=a", "count=many"}}, `Invalid value for variable; The value of the variable "count" does not fit its type: a number is required.`},
		"not a list":   {jobspec.ParseOptions{Vars: []string{"name=a", "tags=["}}, `-var tags:1,`},
		"undeclared":   {jobspec.ParseOptions{Strict: true, Vars: []string{"name=a", "nam=b"}}, `There is no variable "nam" in this job. Did you mean "name"?`},
		"in a file":    {jobspec.ParseOptions{Strict: true, VarText: "name = 1\ntag = 1"}, `variables:2,7-8: Undeclared variable; There is no variable "tag" in this job. Did you mean "tags"?`},
		"no equals":    {jobspec.ParseOptions{Vars: []string{"name"}}, `"name" has no =`},
		"no file":      {jobspec.ParseOptions{AllowFS: true, VarFiles: []string{filepath.Join(folder, "none")}}, `no such file`},
		"broken file":  {jobspec.ParseOptions{AllowFS: true, VarFiles: []string{broken}}, `broken.vars:1,8`},
		"list file":    {jobspec.ParseOptions{AllowFS: true, VarFiles: []string{list}}, `an object is required`},
		"files denied": {jobspec.ParseOptions{VarFiles: []string{broken}}, `Files are not read here`},
	} {
		t.Run(name, func(t *testing.T) {
			options := test.options
			options.Path, options.Body = "x.hcl", []byte(withVariables)
			_, _, err := jobspec.Parse(options)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("want %q, got %v", test.want, err)
			}
		})
	}
}

func TestFilesAreReadFromTheFolderOfTheJob(t *testing.T) {
	folder := t.TempDir()
	write(t, filepath.Join(folder, "note.txt"), "hello")
	write(t, filepath.Join(folder, "data.bin"), "\xff\xfe")
	write(t, filepath.Join(folder, "large.txt"), strings.Repeat("x", jobspec.MaxSourceBytes+1))
	text := func(expression string) []byte { return []byte("job \"x\" {\n meta = { a = " + expression + " }\n}\n") }
	for expression, want := range map[string]string{
		`file("note.txt")`:                         "hello",
		`file("` + folder + `/./note.txt")`:        "hello",
		`filebase64("data.bin")`:                   "//4=",
		`fileexists("none.txt")`:                   "false",
		`fileexists("note.txt")`:                   "true",
		`jsonencode(fileset(".", "*.txt"))`:        `["large.txt","note.txt"]`,
		`jsonencode(fileset(".", "*.none"))`:       `[]`,
		`basename("/a/b")`:                         "b",
		`dirname("/a/b")`:                          "/a",
		`pathexpand("a~")`:                         "a~",
		`abspath("` + folder + `/../x") == "/x"`:   "false",
		`pathexpand("~/x") != "~/x"`:               "true",
		`jsonencode(try(file("none"), "default"))`: `"default"`,
	} {
		job := parse(t, jobspec.ParseOptions{Path: filepath.Join(folder, "x.hcl"), Body: text(expression), AllowFS: true})
		if got := job.Meta["a"]; got != want {
			t.Errorf("%s: want %q, got %q", expression, want, got)
		}
	}
	for expression, want := range map[string]string{
		`file("none.txt")`: "no such file", `file("data.bin")`: "use filebase64", `file(".")`: "not a regular file",
		`file("large.txt")`: "larger than", `file("/dev/zero")`: "not a regular file", `fileset(".", "[")`: "syntax error",
	} {
		_, _, err := jobspec.Parse(jobspec.ParseOptions{Path: filepath.Join(folder, "x.hcl"), Body: text(expression), AllowFS: true})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: want %q, got %v", expression, want, err)
		}
	}
}

func TestFormatLaysOutAndKeepsComments(t *testing.T) {
	got, err := jobspec.Format("x.hcl", []byte("job \"x\" {\n# why\ntype=\"batch\"\npriority   = 3\n}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if want := "job \"x\" {\n  # why\n  type     = \"batch\"\n  priority = 3\n}\n"; string(got) != want {
		t.Errorf("got %s", got)
	}
	if _, err := jobspec.Format("x.hcl", []byte("job {")); err == nil || !strings.HasPrefix(err.Error(), "x.hcl:1,") {
		t.Errorf("broken text: %v", err)
	}
}

func TestJobsInJSONAreReadInBothForms(t *testing.T) {
	for _, text := range []string{
		`{"Job": {"ID": "x", "Unknown": 1, "TaskGroups": null}}`,
		` {"ID": "x", "TaskGroups": [{"Name": "g", "Tasks": [null, {"Name": "t", "Config": {"port": 80}}]}, null]}`,
	} {
		job := parse(t, jobspec.ParseOptions{Body: []byte(text)})
		if *job.ID != "x" {
			t.Errorf("%s: read %v", text, job)
		}
		jobspec.Canonicalize(job)
		if len(job.TaskGroups) == 1 && len(job.TaskGroups[0].Tasks) != 1 {
			t.Errorf("null elements stay: %v", job.TaskGroups[0].Tasks)
		}
	}
}

func TestSampleJobsAreValid(t *testing.T) {
	for _, file := range glob(t, "../config/samples/*.nomad.hcl") {
		job := parseFile(t, file)
		jobspec.Canonicalize(job)
		if _, err := jobspec.Validate(job); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
