package scheduler

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/droverhq/drover/api"
)

// uniquePrefix marks attributes and meta that tell nodes of one class apart.
const uniquePrefix = "unique."

// ComputeClass returns what a node's ComputedClass should be: equal for nodes that
// no rule of placement can tell apart, except by unique attributes.
func ComputeClass(n *api.Node) string {
	digest := digestOf(n)
	return "v1:" + strconv.FormatUint(binary.BigEndian.Uint64(digest[:]), 10)
}

// classKey is what makes two nodes of one class. What a node reports as its class
// is part of it because blocked evaluations are shown by it.
type classKey struct {
	digest   [sha256.Size]byte
	reported string
}

func classOf(n *api.Node) classKey {
	return classKey{digest: digestOf(n), reported: n.ComputedClass}
}

// digestOf digests all that rules look at, except what is unique to a node.
func digestOf(n *api.Node) [sha256.Size]byte {
	d := digester{sha256.New()}
	d.add(n.Datacenter, n.NodePool, n.NodeClass)
	d.addMap("attr", n.Attributes)
	d.addMap("meta", n.Meta)
	for _, name := range slices.Sorted(maps.Keys(n.Drivers)) {
		if driver := n.Drivers[name]; driver != nil {
			d.add("driver", name, strconv.FormatBool(driver.Detected), strconv.FormatBool(driver.Healthy))
		}
	}
	if n.Resources != nil {
		for _, network := range n.Resources.Networks {
			d.add("mode", network.Mode)
		}
		for _, network := range n.Resources.NodeNetworks {
			for _, address := range network.Addresses {
				d.add("alias", address.Alias)
			}
		}
	}
	return [sha256.Size]byte(d.Sum(nil))
}

type digester struct{ hash.Hash }

// add digests strings so that no two lists of them are taken for each other.
func (d digester) add(parts ...string) {
	var size [4]byte
	for _, part := range parts {
		binary.BigEndian.PutUint32(size[:], uint32(len(part)))
		d.Write(size[:])
		d.Write([]byte(part))
	}
}

func (d digester) addMap(name string, m map[string]string) {
	for _, key := range slices.Sorted(maps.Keys(m)) {
		if !strings.HasPrefix(key, uniquePrefix) {
			d.add(name, key, m[key])
		}
	}
}

// hashString is FNV-1a.
func hashString(s string) uint64 {
	const offset, prime = 14695981039346656037, 1099511628211
	h := uint64(offset)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * prime
	}
	return h
}

// mix spreads a number over all bits, so that near inputs give far outputs
// (the finalizer of SplitMix64, https://prng.di.unimi.it/splitmix64.c).
func mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}
