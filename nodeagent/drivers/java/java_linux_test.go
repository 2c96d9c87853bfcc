package java_test

import (
	"archive/zip"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/droverhq/drover/nodeagent/driver"
	"github.com/droverhq/drover/nodeagent/driver/drivertest"
	"github.com/droverhq/drover/nodeagent/drivers/held/heldtest"
	"github.com/droverhq/drover/nodeagent/drivers/isolated"
	"github.com/droverhq/drover/nodeagent/drivers/java"
)

func TestMain(m *testing.M) {
	heldtest.Main(m, func() drivertest.Subject { panic("the suite starts no agents here") })
}

func newDriver(t *testing.T) *isolated.Driver {
	t.Helper()
	p, err := isolated.ParsePlugin(java.Name, nil)
	if err != nil {
		t.Fatal(err)
	}
	return java.New(isolated.Options{Plugin: p, ShimPath: heldtest.ShimPath()})
}

func needJava(t *testing.T) {
	t.Helper()
	if info := newDriver(t).Fingerprint(t.Context()); !info.Healthy {
		t.Skipf("not run: the driver java does not work here: %s", info.HealthDescription)
	}
}

// newTask describes a task with the program of testdata in its local directory, as a
// class and in a jar.
func newTask(t *testing.T, config map[string]any) driver.Task {
	t.Helper()
	task := heldtest.NewTask(t, "")
	task.Config = config
	local := filepath.Join(task.Dir, "local")
	class, err := os.ReadFile("testdata/Main.class")
	if err == nil {
		err = os.Mkdir(local, 0o755)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(local, "Main.class"), class, 0o644)
	}
	if err == nil {
		err = writeJar(filepath.Join(local, "main.jar"), class)
	}
	if err != nil {
		t.Fatal(err)
	}
	return task
}

func writeJar(path string, class []byte) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	jar := zip.NewWriter(f)
	for name, content := range map[string][]byte{"META-INF/MANIFEST.MF": []byte("Manifest-Version: 1.0\nMain-Class: Main\n"), "Main.class": class} {
		w, err := jar.Create(name)
		if err == nil {
			_, err = w.Write(content)
		}
		if err != nil {
			return err
		}
	}
	return jar.Close()
}

func TestAJarAndAClassRunSetApart(t *testing.T) {
	needJava(t)
	d := newDriver(t)
	for name, config := range map[string]map[string]any{
		"a jar":   {"jar_path": "local/main.jar"},
		"a class": {"class": "Main", "class_path": "/local"},
	} {
		maps.Copy(config, map[string]any{"jvm_options": []any{"-Xmx32m", "-Dtest.option=set"}, "args": []any{"7", "two words"}})
		task := newTask(t, config)
		result, err := d.Wait(heldtest.Context(t), heldtest.Start(t, d, task))
		if err != nil || result.ExitCode != 7 {
			t.Errorf("%s: %+v, %v", name, result, err)
		}
		if got := heldtest.AwaitFile(t, filepath.Join(task.Stdout.Dir, "out.0"), ""); got != "7 two words\nnobody set\n" {
			t.Errorf("%s says %q", name, got)
		}
	}
}

func TestTheMachineTellsOfItself(t *testing.T) {
	needJava(t)
	d := newDriver(t)
	first := d.Fingerprint(t.Context())
	keys := slices.Sorted(maps.Keys(first.Attributes))
	if want := []string{"driver.java", "driver.java.runtime", "driver.java.version", "driver.java.vm"}; !slices.Equal(keys, want) {
		t.Errorf("attributes %v", first.Attributes)
	}
	if again := d.Fingerprint(t.Context()); !maps.Equal(again.Attributes, first.Attributes) {
		t.Errorf("%v, then %v", first.Attributes, again.Attributes)
	}
}

func TestWithoutAJavaMachineThereIsNoDriver(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	info := newDriver(t).Fingerprint(t.Context())
	if info.Detected || info.Healthy || info.HealthDescription == "" || len(info.Attributes) > 0 {
		t.Errorf("fingerprint %+v", info)
	}
}

func TestAConfigSaysWhatToRun(t *testing.T) {
	d := newDriver(t)
	for name, c := range map[string]struct {
		config map[string]any
		wrong  string // key
	}{
		"a jar":   {map[string]any{"jar_path": "a.jar", "jvm_options": []any{"-Xmx1g"}, "args": []any{"x"}, "cap_drop": []any{"all"}}, ""},
		"a class": {map[string]any{"class": "a.B", "class_path": "a:b"}, ""},
		"both":    {map[string]any{"jar_path": "a.jar", "class": "a.B"}, "class"},
		"neither": {map[string]any{"class_path": "a"}, "jar_path"},
		"a typo":  {map[string]any{"jar": "a.jar"}, "jar"},
	} {
		err := d.Validate(c.config)
		if (err == nil) != (c.wrong == "") || err != nil && !strings.Contains(err.Error(), c.wrong) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
