package networktest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// insideVar is set in the environment of the process that is in the namespaces.
const insideVar = "DROVER_TEST_NETWORK"

// Enter puts the tests of a package into namespaces of their own, where networks can be
// made at all. It is called first in TestMain, and may end the process.
func Enter() {
	switch {
	case os.Getenv(insideVar) != "":
		if err := furnish(); err != nil {
			fmt.Fprintln(os.Stderr, "prepare the namespaces of the tests:", err)
			os.Exit(1)
		}
	case missing() == "":
		os.Exit(again())
	}
}

// Need skips a test where networks can't be made.
func Need(t testing.TB) {
	t.Helper()
	if why := missing(); why != "" {
		t.Skip("networks of allocations are not tested: " + why)
	}
}

// missing says what it lacks here to make networks.
func missing() string {
	if os.Geteuid() != 0 {
		return "not root"
	}
	if _, err := exec.LookPath("iptables"); err != nil {
		return "no iptables"
	}
	if PluginFolder() == "" {
		return "no CNI plugins (Debian: containernetworking-plugins)"
	}
	if err := exec.Command("unshare", "--net", "true").Run(); err != nil {
		return "no network namespaces: " + err.Error()
	}
	return ""
}

// PluginFolder returns where the machine has CNI plugins, or "".
func PluginFolder() string {
	for _, dir := range []string{"/opt/cni/bin", "/usr/lib/cni", "/usr/libexec/cni"} {
		if _, err := os.Stat(filepath.Join(dir, "bridge")); err == nil {
			return dir
		}
	}
	return ""
}

// again runs this program in the namespaces, and returns its exit code.
func again() int {
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Env = append(os.Environ(), insideVar+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET | unix.CLONE_NEWNS, Pdeathsig: unix.SIGKILL}
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		fmt.Fprintln(os.Stderr, "enter the namespaces of the tests:", err)
		return 1
	}
	return cmd.ProcessState.ExitCode()
}

// furnish makes the namespaces a machine: loopback, and folders of what is kept.
func furnish() error {
	if err := unix.Mount("", "/", "none", unix.MS_PRIVATE|unix.MS_REC, ""); err != nil {
		return err
	}
	for _, dir := range []string{"/var/run/netns", leases} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=16m"); err != nil {
			return err
		}
	}
	return exec.Command("ip", "link", "set", "lo", "up").Run()
}

// leases is where the plugins keep which address is whose.
const leases = "/var/lib/cni"

// Listing is what there is on the machine.
type Listing []string

// List lists interfaces, firewall rules, network namespaces, mounts and leases of
// addresses.
func List(t testing.TB) Listing {
	t.Helper()
	var out Listing
	add := func(kind, text string) {
		for line := range strings.Lines(text) {
			if line = strings.TrimSpace(line); line != "" {
				out = append(out, kind+" "+line)
			}
		}
	}
	for line := range strings.Lines(run(t, "ip", "-o", "link")) {
		add("interface", strings.Fields(line)[1])
	}
	add("namespace", strings.Join(names(t, "/var/run/netns"), "\n"))
	add("lease", strings.Join(names(t, leases+"/networks/*"), "\n"))
	for _, program := range []string{"iptables-save", "ip6tables-save"} {
		for line := range strings.Lines(run(t, program)) {
			if strings.HasPrefix(line, "-A") || strings.HasPrefix(line, ":CNI") {
				add(program, strings.Split(line, " [")[0])
			}
		}
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mounts)) {
		add("mount", strings.Fields(line)[4])
	}
	slices.Sort(out)
	return out
}

// names lists what is in folders, but what plugins keep there for ever.
func names(t testing.TB, pattern string) []string {
	t.Helper()
	dirs, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, dir := range dirs {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if e.Name() != "lock" && !strings.HasPrefix(e.Name(), "last_reserved_ip") {
				out = append(out, e.Name())
			}
		}
	}
	return out
}

func run(t testing.TB, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).Output()
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return string(out)
}

// Since returns what is there now and was not before. (What is not there any more may
// have been others': mounts of before are copies of theirs.)
func (l Listing) Since(before Listing) []string {
	var out []string
	count := map[string]int{}
	for _, line := range before {
		count[line]++
	}
	for _, line := range l {
		if count[line]--; count[line] < 0 {
			out = append(out, line)
		}
	}
	return out
}
