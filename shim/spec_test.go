package shim

import (
	"reflect"
	"testing"

	"pgregory.net/rapid"
)

func drawSpec(t *rapid.T) *Spec {
	text := rapid.String()
	output := func(name string) Output {
		return Output{
			Dir: text.Draw(t, name+" dir"), Prefix: text.Draw(t, name+" prefix"),
			MaxFiles: rapid.IntRange(0, 1<<31-1).Draw(t, name+" files"),
			MaxBytes: rapid.Int64Min(0).Draw(t, name+" bytes"),
			Disabled: rapid.Bool().Draw(t, name+" disabled"),
		}
	}
	list := func(name string) []string {
		if l := rapid.SliceOf(text).Draw(t, name); len(l) > 0 {
			return l
		}
		return nil
	}
	s := &Spec{
		Path: text.Draw(t, "path"), Args: list("args"), Env: list("env"), Dir: text.Draw(t, "dir"),
		Stdout: output("stdout"), Stderr: output("stderr"), Cgroup: text.Draw(t, "cgroup"),
	}
	if rapid.Bool().Draw(t, "with user") {
		s.User = &User{UID: rapid.Uint32().Draw(t, "uid"), GID: rapid.Uint32().Draw(t, "gid")}
		if groups := rapid.SliceOf(rapid.Uint32()).Draw(t, "groups"); len(groups) > 0 {
			s.User.Groups = groups
		}
	}
	if rapid.Bool().Draw(t, "extended") {
		drawExtension(t, s)
	}
	if cores := rapid.SliceOf(rapid.Uint16()).Draw(t, "cores"); len(cores) > 0 {
		s.Cores = cores
	}
	if rapid.Bool().Draw(t, "with network") {
		s.Network = &Network{
			Namespace: text.Draw(t, "namespace"), Hosts: text.Draw(t, "hosts"), Resolv: text.Draw(t, "resolv"),
		}
	}
	return s
}

// drawExtension draws what only specs of version 3 have, one of it at least.
func drawExtension(t *rapid.T, s *Spec) {
	text := rapid.String()
	s.OOMScoreAdj = rapid.IntRange(1, 1000).Draw(t, "oom score") * rapid.SampledFrom([]int{1, -1}).Draw(t, "sign")
	for range rapid.IntRange(0, 3).Draw(t, "groups") {
		g := Group{Path: text.Draw(t, "group"), Found: rapid.Bool().Draw(t, "found")}
		for range rapid.IntRange(0, 3).Draw(t, "settings") {
			g.Settings = append(g.Settings, Setting{File: text.Draw(t, "file"), Value: text.Draw(t, "value"), Optional: rapid.Bool().Draw(t, "optional")})
		}
		s.Groups = append(s.Groups, g)
	}
	if rapid.Bool().Draw(t, "isolated") {
		s.Isolation = &Isolation{
			HostPID: rapid.Bool().Draw(t, "host pid"), HostIPC: rapid.Bool().Draw(t, "host ipc"), NoPivotRoot: rapid.Bool().Draw(t, "no pivot"),
			NetNS: text.Draw(t, "net ns"), Hostname: text.Draw(t, "hostname"), Root: text.Draw(t, "root"), Scratch: text.Draw(t, "scratch"),
			Caps: rapid.Uint64().Draw(t, "caps"),
		}
		if filter := rapid.SliceOf(rapid.Byte()).Draw(t, "filter"); len(filter) > 0 {
			s.Isolation.Filter = filter
		}
		for range rapid.IntRange(0, 3).Draw(t, "mounts") {
			s.Isolation.Mounts = append(s.Isolation.Mounts, Mount{
				Source: text.Draw(t, "source"), Target: text.Draw(t, "target"), How: MountFlags(rapid.Uint32().Draw(t, "how")),
			})
		}
	}
	if rapid.Bool().Draw(t, "beside") {
		s.Beside = &Member{PID: rapid.IntRange(1, 1<<31-1).Draw(t, "pid"), Start: rapid.Uint64().Draw(t, "start")}
	}
}

func TestASpecReadsAsItWasWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := drawSpec(t)
		got, err := DecodeSpec(want.Encode())
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("read %+v, %v; wrote %+v", got, err, want)
		}
	})
}

func TestACutSpecIsRefused(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := drawSpec(t).Encode()
		n := rapid.IntRange(0, len(b)-1).Draw(t, "length")
		if s, err := DecodeSpec(b[:n]); err == nil {
			t.Fatalf("read %+v from %d of %d bytes", s, n, len(b))
		}
	})
}

func FuzzDecodeSpec(f *testing.F) {
	f.Add([]byte(nil))
	f.Add([]byte(specMagic))
	f.Add((&Spec{Path: "/bin/true", Cores: []uint16{0, 300}}).Encode())
	f.Add((&Spec{Path: "/bin/true", Network: &Network{Namespace: "/run/netns/x"}}).Encode())
	f.Add((&Spec{Path: "sh", Groups: []Group{{Path: "/g"}}, Isolation: &Isolation{Root: "/r", Mounts: []Mount{{Target: "/m"}}}}).Encode())
	f.Add((&Spec{Path: "/bin/sh", Args: []string{"sh"}, User: &User{Groups: []uint32{1}}}).Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := DecodeSpec(b)
		if err != nil {
			return
		}
		again, err := DecodeSpec(s.Encode())
		if err != nil || !reflect.DeepEqual(again, s) {
			t.Fatalf("%+v reads as %+v, %v", s, again, err)
		}
	})
}
