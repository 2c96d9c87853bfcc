package raft

import (
	"bytes"
	"crypto/md5"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/lni/dragonboat/v3/raftpb"
)

// ownerFile is where Dragonboat notes whose directory it is: 8 bytes of a checksum and
// a raftpb.RaftDataStatus.
const ownerFile = "dragonboat.ds"

// adopt makes a raft directory that was written under another host name this host's:
// Dragonboat files the log under the name and refuses it under another, but machines are
// renamed, and containers have a new name each time. The caller holds the lock of the
// state beside it.
func adopt(dir, hostname string) error {
	path := filepath.Join(dir, ownerFile)
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil // a new directory
	}
	if err != nil {
		return err
	}
	var owner raftpb.RaftDataStatus
	if len(b) < 8 || !bytes.Equal(b[:8], ownerSum(b[8:])) {
		return fmt.Errorf("%s is damaged", path)
	}
	if err := owner.Unmarshal(b[8:]); err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	if owner.Hostname == hostname {
		return nil
	}
	from, to := filepath.Join(dir, owner.Hostname), filepath.Join(dir, hostname)
	if err := os.Rename(from, to); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	owner.Hostname = hostname
	if b, err = owner.Marshal(); err != nil {
		return err
	}
	return replaceFile(path, append(ownerSum(b), b...))
}

func ownerSum(b []byte) []byte {
	sum := md5.Sum(b) // as Dragonboat does
	return sum[8:]
}

// replaceFile replaces a file, all or nothing.
func replaceFile(path string, b []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
