package qemu_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/driver"
	"github.com/droverhq/drover/nodeagent/driver/drivertest"
	"github.com/droverhq/drover/nodeagent/drivers/held/heldtest"
	"github.com/droverhq/drover/nodeagent/drivers/isolated"
	"github.com/droverhq/drover/nodeagent/drivers/qemu"
)

func TestMain(m *testing.M) {
	heldtest.Main(m, func() drivertest.Subject { return drivertest.Subject{} })
}

func newDriver(t testing.TB, plugin map[string]any) *qemu.Driver {
	t.Helper()
	p, err := qemu.ParsePlugin(plugin)
	if err != nil {
		t.Fatal(err)
	}
	return qemu.New(qemu.Options{Plugin: p, Isolated: isolated.Options{ShimPath: heldtest.ShimPath(), Cgroup: "drover-test-qemu"}})
}

// needMachines skips a test where there are no virtual machines.
func needMachines(t testing.TB) {
	t.Helper()
	if _, err := exec.LookPath("qemu-system-x86_64"); err != nil {
		t.Skip("not run: there is no qemu-system-x86_64 (Debian: qemu-system-x86)")
	}
	if info := newDriver(t, nil).Fingerprint(t.Context()); !info.Healthy {
		t.Skipf("not run: the driver qemu does not work here: %s", info.HealthDescription)
	}
}

// greeter is a disk to boot from: its machine writes "ready" and a line end to the first
// serial line, and switches itself off when its power button is pressed.
func greeter() []byte {
	code := []byte{
		0x31, 0xc0, 0x8e, 0xd8, // xor ax, ax; mov ds, ax
		0xba, 0x02, 0x06, 0xb8, 0x00, 0x01, 0xef, // out 0x602, 0x100: tell of the power button
		0xbe, 0x31, 0x7c, // mov si, message
		0xba, 0xf8, 0x03, // mov dx, serial line
		0xac, 0x08, 0xc0, 0x74, 0x03, 0xee, 0xeb, 0xf8, // lodsb; or al, al; jz done; out dx, al; jmp
		0xba, 0x00, 0x06, // done: mov dx, 0x600
		0xed, 0xf6, 0xc4, 0x01, 0x74, 0xfa, // poll: in ax, dx; test ah, 1; jz poll
		0xba, 0x04, 0x06, 0xb8, 0x00, 0x20, 0xef, // out 0x604, 0x2000: off
		0xf4, 0xeb, 0xfd, // hlt
	}
	disk := make([]byte, 1<<20)
	copy(disk, code)
	copy(disk[0x31:], "ready\n\x00")
	disk[510], disk[511] = 0x55, 0xaa
	return disk
}

// machine is a task whose machine boots from the greeter.
func machine(t testing.TB, config map[string]any) driver.Task {
	t.Helper()
	task := heldtest.NewTask(t, "")
	if err := os.Chmod(task.Dir, 0o777); err != nil {
		t.Fatal(err)
	}
	task.Config = map[string]any{"image_path": "disk.img"}
	for key, value := range config {
		task.Config[key] = value
	}
	task.Resources = api.AllocatedTaskResources{Memory: api.AllocatedMemoryResources{MemoryMB: 32}}
	image(t, filepath.Join(task.Dir, "disk.img"))
	return task
}

func image(t testing.TB, path string) {
	t.Helper()
	if err := os.WriteFile(path, greeter(), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
}

// boot starts a machine and waits until it is up.
func boot(t testing.TB, d driver.Driver, task driver.Task) driver.Handle {
	t.Helper()
	h := heldtest.Start(t, d, task)
	heldtest.AwaitFile(t, filepath.Join(task.Stdout.Dir, task.Stdout.Prefix+".0"), "ready\n")
	return h
}

func stop(t *testing.T, d driver.Driver, h driver.Handle, signal string, grace time.Duration) driver.ExitResult {
	t.Helper()
	if err := d.Stop(heldtest.Context(t), h, signal, grace); err != nil {
		t.Fatalf("stop: %v", err)
	}
	result, err := d.Wait(heldtest.Context(t), h)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func TestTheVersionIsAnAttribute(t *testing.T) {
	needMachines(t)
	info := newDriver(t, nil).Fingerprint(t.Context())
	if v := info.Attributes["driver.qemu.version"]; v == "" || strings.Trim(v, "0123456789.") != "" {
		t.Errorf("fingerprint %+v", info)
	}
}

func TestAMachineIsSwitchedOff(t *testing.T) {
	needMachines(t)
	d := newDriver(t, nil)
	h := boot(t, d, machine(t, map[string]any{"graceful_shutdown": true}))
	if result := stop(t, d, h, "SIGINT", time.Minute); !result.Successful() {
		t.Errorf("result %+v", result)
	}
}

func TestAMachineThatStaysOnIsKilled(t *testing.T) {
	needMachines(t)
	d := newDriver(t, nil)
	// A machine that is stopped does not see its button.
	h := boot(t, d, machine(t, map[string]any{"graceful_shutdown": true}))
	if err := d.Signal(heldtest.Context(t), h, "SIGSTOP"); err != nil {
		t.Fatal(err)
	}
	if result := stop(t, d, h, "SIGINT", 100*time.Millisecond); result.Signal != 9 {
		t.Errorf("result %+v", result)
	}
}

func TestAMachineWithoutAMonitorGetsTheSignal(t *testing.T) {
	needMachines(t)
	d := newDriver(t, nil)
	h := boot(t, d, machine(t, nil))
	if result := stop(t, d, h, "SIGKILL", time.Minute); result.Signal != 9 {
		t.Errorf("result %+v", result)
	}
}

func TestTheNextAgentFindsAMachine(t *testing.T) {
	needMachines(t)
	h := boot(t, newDriver(t, nil), machine(t, map[string]any{"graceful_shutdown": true}))
	next := newDriver(t, nil)
	if err := next.Recover(heldtest.Context(t), h); err != nil {
		t.Fatal(err)
	}
	if result := stop(t, next, h, "SIGINT", time.Minute); !result.Successful() {
		t.Errorf("result %+v", result)
	}
}

func TestPortsOfTheTaskLeadIntoTheMachine(t *testing.T) {
	needMachines(t)
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := free.Addr().(*net.TCPAddr).Port
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	d := newDriver(t, nil)
	task := machine(t, map[string]any{"port_map": map[string]any{"ssh": 22}})
	task.Ports = []api.AllocatedPort{{Label: "ssh", Value: port}}
	boot(t, d, task)
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port)) // the emulator answers; nobody in the machine does
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
	task = machine(t, map[string]any{"port_map": map[string]any{"http": 80}})
	if _, err := d.Start(heldtest.Context(t), task); err == nil || !strings.Contains(err.Error(), `no port "http"`) {
		t.Errorf("a port that is not there: %v", err)
	}
}

func TestImagesOfTheNodeAreThoseThatItsOperatorAllows(t *testing.T) {
	needMachines(t)
	shared, other := t.TempDir(), t.TempDir()
	for _, dir := range []string{shared, other} {
		image(t, filepath.Join(dir, "base.img"))
	}
	if err := os.Symlink(filepath.Join(other, "base.img"), filepath.Join(shared, "link.img")); err != nil {
		t.Fatal(err)
	}
	d := newDriver(t, map[string]any{"image_paths": []any{shared}})
	boot(t, d, machine(t, map[string]any{"image_path": filepath.Join(shared, "base.img")}))
	if _, err := d.Start(heldtest.Context(t), machine(t, map[string]any{"image_path": filepath.Join(shared, "link.img")})); err == nil {
		t.Error("a link led out of the directory of images")
	}
	task := machine(t, map[string]any{"image_path": filepath.Join(other, "base.img")})
	result, err := d.Wait(heldtest.Context(t), heldtest.Start(t, d, task))
	if err != nil || result.ExitCode != 1 { // it is not in the task's root
		t.Errorf("another image: %+v, %v", result, err)
	}
}

func TestKVM(t *testing.T) {
	needMachines(t)
	device, err := os.OpenFile("/dev/kvm", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("not run: no machine of this node's processor: %v", err)
	}
	if err := device.Close(); err != nil {
		t.Fatal(err)
	}
	task := machine(t, map[string]any{"accelerator": "kvm"})
	task.User = "root" // the device may be root's alone
	boot(t, newDriver(t, nil), task)
}

func TestWhatIsWrongWithAConfigIsSaid(t *testing.T) {
	d := newDriver(t, map[string]any{"args_allowlist": []any{"-smp"}})
	for wrong, config := range map[string]map[string]any{
		"":                 {"image_path": "a.img", "accelerator": "kvm", "drive_interface": "virtio", "args": []any{"-smp", "2"}, "port_map": map[string]any{"ssh": "22"}},
		"image_path":       {},
		"accelerator":      {"image_path": "a.img", "accelerator": "hyper"},
		"drive_interface":  {"image_path": "a.img", "drive_interface": "usb"},
		"guest_agent":      {"image_path": "a.img", "guest_agent": true},
		"args[1]":          {"image_path": "a.img", "args": []any{"2", "-device"}},
		"port_map.ssh":     {"image_path": "a.img", "port_map": map[string]any{"ssh": 70000}},
		"can't have":       {"image_path": "a.img,readonly=on"},
		"did you mean \"i": {"image_pat": "a.img"},
	} {
		err := d.Validate(config)
		if (err == nil) != (wrong == "") || err != nil && !strings.Contains(err.Error(), wrong) {
			t.Errorf("%s: %v", wrong, err)
		}
	}
	for _, wrong := range []map[string]any{{"image_paths": []any{"images"}}, {"image_pathes": []any{}}} {
		if _, err := qemu.ParsePlugin(wrong); err == nil {
			t.Errorf("%v is accepted", wrong)
		}
	}
}
