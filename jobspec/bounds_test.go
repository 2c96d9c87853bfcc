package jobspec_test

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/droverhq/drover/jobspec"
)

// hostile is texts that a parser without limits would recurse, loop or allocate on.
var hostile = map[string]string{
	"a megabyte":             strings.Repeat("# comment\n", 1<<20/10+1),
	"not text":               "job \"\xff\" {}",
	"nested blocks":          strings.Repeat("a {\n", 1000) + strings.Repeat("}\n", 1000),
	"nested lists":           attribute(strings.Repeat("[", 10_000)),
	"nested parentheses":     attribute(strings.Repeat("(", 1000) + "1" + strings.Repeat(")", 1000)),
	"nested objects":         attribute(strings.Repeat("{a=", 1000) + "1" + strings.Repeat("}", 1000)),
	"nested templates":       attribute(strings.Repeat(`"${`, 1000) + "1" + strings.Repeat(`}"`, 1000)),
	"nested directives":      attribute(`"` + strings.Repeat(`%{if true}`, 5_000) + `"`),
	"nested calls":           attribute(strings.Repeat("upper(", 1000) + `"x"` + strings.Repeat(")", 1000)),
	"a chain of nots":        attribute(strings.Repeat("!", 20_000) + "true"),
	"a chain of sums":        attribute("1" + strings.Repeat("+1", 20_000)),
	"a chain of choices":     attribute(strings.Repeat("true?1:", 5_000) + "1"),
	"a chain of accesses":    attribute("local" + strings.Repeat(".a", 20_000)),
	"a chain of indexes":     attribute("local" + strings.Repeat("[local.x]", 5_000)),
	"a chain of splats":      attribute("local" + strings.Repeat(".*.a", 10_000)),
	"a long name":            strings.Repeat("a", 50_000) + " = 1",
	"a long number":          attribute(strings.Repeat("9", 50_000)),
	"a large number as text": attribute(`"${1e999999999}"`),
	"a product of powers":    attribute(`"${1e600 * 1e600 * 1e600}"`),
	"loops in loops": attribute(
		`length([for a in range(1000) : [for b in range(1000) : [for c in range(1000) : "${a}${b}${c}"]]])`),
	"text that doubles":          doubling(40, `"@@"`, `"x"`, "${local.%s}"),
	"lists that double":          doubling(40, `[@, @]`, `[1]`, "local.%s"),
	"concatenations that double": doubling(40, `concat(@, @)`, `[1]`, "local.%s"),
	"tries in tries":             attribute(strings.Repeat("try(", 60) + "1" + strings.Repeat(")", 60)),
	"a wide format":              attribute(`format("%1000000000d", 1)`),
	"a format with precision":    attribute(`format("%.999999999f", 1)`),
	"a width as argument":        attribute(`format("%*d", 1000000000, 1)`),
	"a wide list format":         attribute(`formatlist("%1000000000d", [1])`),
	"an indent":                  attribute(`indent(1000000000, "a\nb")`),
	"replacements":               attribute(`replace(local.long, "", local.long)`) + long(),
	"replacements by pattern":    attribute(`regex_replace(local.long, "", local.long)`) + long(),
	"a join of many":             attribute(`join(local.long, split("", local.long))`) + long(),
	"a product of sets":          attribute(`setproduct(range(1000), range(1000), range(1000))`),
	"a long digit string":        attribute(`parseint(local.digits, 10)`) + "locals {\n digits = \"" + strings.Repeat("9", 50_000) + "\"\n}\n",
	"distinct of many":           attribute(`distinct(split("", local.long))`) + long(),
	"deep JSON":                  attribute(`jsondecode("` + strings.Repeat("[", 10_001) + `")`),
	"deep YAML":                  attribute(`yamldecode("` + strings.Repeat("[", 20_000) + `")`),
	"YAML that repeats itself":   attribute(`yamldecode("a: &a [x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e]\ng: [*f,*f,*f,*f,*f,*f,*f,*f]\n")`),
	"many digests":               attribute(`[for i in range(1000) : bcrypt("x")]`),
	"an expensive digest":        attribute(`bcrypt("x", 31)`),
	"many blocks": `job "x" {
		dynamic "group" {
			for_each = range(1000)
			iterator = a
			labels   = ["a${a.value}"]
			content {
				dynamic "task" {
					for_each = range(1000)
					labels   = ["b${task.value}"]
					content {
						dynamic "constraint" {
							for_each = range(1000)
							content {}
						}
					}
				}
			}
		}
	}`,
	"blocks in settings": `job "x" {
		task "t" {
			config {
				dynamic "a" {
					for_each = range(1000)
					content {
						dynamic "b" {
							for_each = range(1000)
							content { c = range(1000) }
						}
					}
				}
			}
		}
	}`,
	"many unknown blocks":  strings.Repeat("x {}\n", 20_000),
	"many unknown names":   "job \"x\" {\n" + numbered(10_000, "a%d = 1\n") + "}\n",
	"many elements":        attribute("[" + strings.Repeat("1,", 200_000) + "]"),
	"many variables":       numbered(5_000, "variable \"v%d\" {}\n"),
	"many locals":          "locals {\n" + numbered(10_000, "l%d = length(local)\n") + "}\njob \"x\" {}\n",
	"a long row of locals": "locals {\n" + chained(10_000) + " l10000 = 1\n" + "}\njob \"x\" {}\n",
	"deep JSON as job":     `{"Job":{"ID":"x","TaskGroups":[{"Tasks":[{"Config":{"a":` + strings.Repeat("[", 1000) + strings.Repeat("]", 1000) + `}}]}]}}`,
}

func attribute(expression string) string {
	return "job \"x\" {\n  meta = { a = " + expression + " }\n}\n"
}

func long() string { return "locals {\n  long = \"" + strings.Repeat("x", 100_000) + "\"\n}\n" }

func numbered(n int, format string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

func chained(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "l%d = local.l%d\n", i, i+1)
	}
	return b.String()
}

// doubling makes n locals, each of which has the previous one, @, twice.
func doubling(n int, twice, first, reference string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "job \"x\" {\n  meta = { a = jsonencode(local.l%d) }\n}\nlocals {\n  l0 = %s\n", n, first)
	for i := range n {
		fmt.Fprintf(&b, "  l%d = %s\n", i+1, strings.ReplaceAll(twice, "@", fmt.Sprintf(reference, fmt.Sprintf("l%d", i))))
	}
	b.WriteString("}\n")
	return b.String()
}

// soon is how long a hostile text may take with the race detector on a machine that
// is busy with other things. Otherwise none takes a second; and one that is not
// stopped takes hours, or all memory.
const soon = time.Minute

func TestHostileTextEndsInAnErrorSoon(t *testing.T) {
	for name, text := range hostile {
		t.Run(name, func(t *testing.T) {
			began := time.Now()
			_, _, err := jobspec.Parse(jobspec.ParseOptions{Path: "x.hcl", Body: []byte(text)})
			took := time.Since(began)
			if err == nil {
				t.Fatal("it was accepted")
			}
			var problems *jobspec.ParseError
			if !errors.As(err, &problems) || len(problems.Diagnostics) > 100 {
				t.Errorf("not a bounded list of problems: %T", err)
			}
			message := problems.Diagnostics[0].Error()
			t.Logf("%v: %.150s", took.Round(time.Millisecond), message)
			if took > soon {
				t.Errorf("took %v", took)
			}
		})
	}
}

func TestHostileTextTakesLittleMemory(t *testing.T) {
	for _, name := range []string{"text that doubles", "a wide format", "replacements", "YAML that repeats itself"} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if _, _, err := jobspec.Parse(jobspec.ParseOptions{Body: []byte(hostile[name])}); err == nil {
			t.Errorf("%s was accepted", name)
		}
		runtime.ReadMemStats(&after)
		if taken := after.TotalAlloc - before.TotalAlloc; taken > 1<<30 {
			t.Errorf("%s allocated %d MiB", name, taken>>20)
		}
	}
}

func TestLargeHonestJobsAreAccepted(t *testing.T) {
	var b strings.Builder
	b.WriteString("locals {\n  env = { for i in range(100) : \"VAR_${i}\" => \"value ${i}\" }\n}\njob \"large\" {\n")
	for g := range 50 {
		fmt.Fprintf(&b, "  group \"g%d\" {\n", g)
		for task := range 10 {
			fmt.Fprintf(&b, "    task \"t%d\" {\n      driver = \"raw_exec\"\n      env = local.env\n      config {\n        command = \"/bin/sh\"\n"+
				"        args = [\"-c\", <<-EOT\n%s        EOT\n        ]\n      }\n    }\n", task, strings.Repeat("          echo $NOMAD_ALLOC_ID\n", 20))
		}
		b.WriteString("  }\n")
	}
	b.WriteString("}\n")
	began := time.Now()
	job := parse(t, jobspec.ParseOptions{Body: []byte(b.String())})
	t.Logf("%d bytes in %v", b.Len(), time.Since(began))
	if len(job.TaskGroups) != 50 || len(job.TaskGroups[49].Tasks[9].Env) != 100 {
		t.Error("something is missing")
	}
}
