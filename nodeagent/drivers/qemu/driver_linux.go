// Package qemu is the driver qemu: it runs a virtual machine by the emulator of the
// node, set apart from the node as package isolated has it.
//
//	task "vm" {
//	  driver = "qemu"
//	  config {
//	    image_path        = "local/linux.img"
//	    accelerator       = "kvm"
//	    graceful_shutdown = true
//	    port_map { ssh = 22 }
//	  }
//	}
//
// What the machine writes to its first serial line is the task's output.
package qemu

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/driver"
	"github.com/droverhq/drover/nodeagent/driver/block"
	"github.com/droverhq/drover/nodeagent/drivers/isolated"
	"github.com/droverhq/drover/shim"
)

// Name is the driver's name in jobspecs.
const Name = "qemu"

// emulator is the program.
const emulator = "qemu-system-x86_64"

// Driver runs machines.
type Driver struct {
	isolated.Tasks
	plugin Plugin
}

// New returns the driver. It is detected where there is an emulator in the agent's PATH.
func New(o Options) *Driver {
	d := &Driver{plugin: o.Plugin}
	o.Isolated.Plugin = o.Plugin.Isolation
	program := &isolated.Program{Name: emulator, Args: []string{"--version"}, Parse: parseVersion}
	d.Tasks = isolated.New(isolated.Kind{
		Name: Name, Command: d.command, Detect: program.Detect, Complete: d.complete,
	}, o.Isolated)
	return d
}

// parseVersion reads what the emulator says: QEMU emulator version 7.2.9 (…)
func parseVersion(text string) map[string]string {
	_, after, _ := strings.Cut(text, "version ")
	if fields := strings.Fields(after); len(fields) > 0 {
		return map[string]string{"driver.qemu.version": fields[0]}
	}
	return map[string]string{}
}

// What a task's root has for the emulator.
const (
	monitorPlace = "/.drover/monitor"
	monitorDir   = "monitor" // in the task's state directory
	socketFile   = "socket"
	kvmDevice    = "/dev/kvm"
)

// command reads all of a config that does not depend on the task.
func (d *Driver) command(b *block.Block) (string, []string) {
	image := b.Required("image_path", "say which image the machine starts from")
	accelerator := b.OneOf("accelerator", "tcg", "kvm")
	disk := b.OneOf("drive_interface", "ide", "scsi", "sd", "mtd", "floppy", "pflash", "virtio", "none")
	if b.Flag("guest_agent") {
		b.Wrong("guest_agent", "is not supported: there is no channel to a guest agent")
	}
	if strings.ContainsAny(image, ",") {
		b.Wrong("image_path", "can't have a comma in it")
	} else if !filepath.IsAbs(image) {
		image = "/" + image
	}
	args := []string{
		"-machine", "type=pc,accel=" + accelerator,
		"-drive", "file=" + image + ",if=" + disk, "-nographic",
	}
	if accelerator == "kvm" {
		args = append(args, "-cpu", "host")
	}
	if b.Flag("graceful_shutdown") {
		args = append(args, "-monitor", "unix:"+monitorPlace+"/"+socketFile+",server,nowait")
	}
	for label, port := range b.Map("port_map") {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			b.Wrong("port_map."+label, fmt.Sprintf("%q is not a port of the machine", port))
		}
	}
	more := b.Texts("args")
	for i, arg := range more {
		if strings.HasPrefix(arg, "-") && d.plugin.AllowedArgs != nil && !slices.Contains(d.plugin.AllowedArgs, arg) {
			b.Wrong(fmt.Sprintf("args[%d]", i), fmt.Sprintf("%q is not among what the node's operator allows (args_allowlist)", arg))
		}
	}
	return emulator, append(args, more...)
}

// defaultMemory is what a machine has whose task does not say, in MiB.
const defaultMemory = 128

// complete says what depends on the task: name, memory, ports and files of the node.
func (d *Driver) complete(task driver.Task, spec *shim.Spec) error {
	b := block.New("", task.Config)
	memory := max(task.Resources.Memory.MemoryMB, 0)
	if memory == 0 {
		memory = defaultMemory
	}
	spec.Args = append(spec.Args, "-m", strconv.FormatInt(memory, 10)+"M", "-name", strings.ReplaceAll(task.Name, ",", ",,"))
	network, err := networkArgs(b.Map("port_map"), task)
	if err != nil {
		return err
	}
	spec.Args = append(spec.Args, network...)
	add := func(m shim.Mount) { spec.Isolation.Mounts = append(spec.Isolation.Mounts, m) }
	if image := b.Text("image_path"); d.plugin.shared(image) {
		// A link must not lead out of the directories that are allowed.
		real, err := filepath.EvalSymlinks(image)
		if err != nil {
			return err
		}
		if !d.plugin.shared(real) {
			return fmt.Errorf("image_path: %s is a link to %s, which is in none of the node's image_paths", image, real)
		}
		add(shim.Mount{Source: real, Target: image})
	}
	if b.Text("accelerator") == "kvm" {
		if err := giveDevice(spec, kvmDevice); err != nil {
			return err
		}
		add(shim.Mount{Source: kvmDevice, Target: kvmDevice, How: shim.MountDevice})
	}
	if b.Flag("graceful_shutdown") {
		dir := filepath.Join(task.StateDir, monitorDir)
		if err := makeOwned(dir, spec.User); err != nil {
			return err
		}
		add(shim.Mount{Source: dir, Target: monitorPlace})
	}
	return nil
}

// networkArgs gives the machine a network card behind the emulator, which passes on
// what comes to the task's ports.
func networkArgs(ports map[string]string, task driver.Task) ([]string, error) {
	if len(ports) == 0 {
		return nil, nil
	}
	forwards := "user,id=user.0"
	for _, label := range slices.Sorted(maps.Keys(ports)) {
		at := slices.IndexFunc(task.Ports, func(p api.AllocatedPort) bool { return p.Label == label })
		if at < 0 {
			return nil, fmt.Errorf("port_map: the group's network has no port %q", label)
		}
		for _, protocol := range []string{"tcp", "udp"} {
			forwards += fmt.Sprintf(",hostfwd=%s::%d-:%s", protocol, task.Ports[at].Value, ports[label])
		}
	}
	return []string{"-netdev", forwards, "-device", "virtio-net,netdev=user.0"}, nil
}

// giveDevice lets the task's user use a device, by the device's group.
func giveDevice(spec *shim.Spec, path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("accelerator: %w", err)
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && spec.User != nil {
		spec.User.Groups = append(spec.User.Groups, st.Gid)
	}
	return nil
}

func makeOwned(dir string, u *shim.User) error {
	err := os.Mkdir(dir, 0o700)
	if errors.Is(err, fs.ErrExist) {
		err = nil
	}
	if err == nil && u != nil {
		err = os.Chown(dir, int(u.UID), int(u.GID))
	}
	return err
}

// overheadMB is what the emulator may take besides the memory of its machine.
const overheadMB = 128

// Start starts the machine. Its memory is the task's; what the emulator itself takes
// comes on top.
func (d *Driver) Start(ctx context.Context, task driver.Task) (driver.Handle, error) {
	if m := &task.Resources.Memory; m.MemoryMaxMB >= 0 && m.MemoryMB > 0 {
		m.MemoryMaxMB = max(m.MemoryMaxMB, m.MemoryMB+overheadMB)
	}
	return d.Tasks.Start(ctx, task)
}

// Stop presses the machine's power button, if it is to be shut down so, and kills it
// after the grace. Otherwise the emulator gets the signal.
func (d *Driver) Stop(ctx context.Context, h driver.Handle, signal string, grace time.Duration) error {
	socket := filepath.Join(string(h.State), monitorDir, socketFile)
	if _, err := os.Stat(filepath.Dir(socket)); err != nil || grace <= 0 || pressButton(socket) != nil {
		return d.Tasks.Stop(ctx, h, signal, grace)
	}
	graced, cancel := context.WithTimeout(ctx, grace)
	defer cancel()
	_, err := d.Wait(graced, h)
	if err != nil && graced.Err() != nil && ctx.Err() == nil {
		return d.Tasks.Stop(ctx, h, "SIGKILL", 0)
	}
	return err
}

// monitorPatience is how long the emulator may take to hear a command.
const monitorPatience = 2 * time.Second

// pressButton has the emulator tell the machine to shut down.
func pressButton(socket string) error {
	if info, err := os.Lstat(socket); err != nil || info.Mode().Type() != fs.ModeSocket {
		return errors.Join(err, errors.New("no monitor"))
	}
	conn, err := net.DialTimeout("unix", socket, monitorPatience)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(monitorPatience)); err != nil {
		return err
	}
	// It greets, and prompts when it is ready.
	var said strings.Builder
	buf := make([]byte, 1024)
	for pressed := false; ; {
		n, err := conn.Read(buf)
		said.Write(buf[:n])
		if strings.HasSuffix(said.String(), "(qemu) ") {
			if pressed {
				return nil
			}
			said.Reset()
			pressed = true
			if _, err := conn.Write([]byte("system_powerdown\n")); err != nil {
				return err
			}
		}
		if err != nil {
			return err
		}
	}
}
