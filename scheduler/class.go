package scheduler

import "github.com/droverhq/drover/api"

// uniquePrefix marks attributes and meta that tell nodes of one class apart.
const uniquePrefix = "unique."

// classKey is what makes two nodes of one class. It is computed here, for what a node
// reports as its class may be out of date; that is part of the key because blocked
// evaluations are shown by it.
type classKey struct {
	computed string
	reported string
}

func classOf(n *api.Node) classKey {
	return classKey{computed: api.ComputeClass(n), reported: n.ComputedClass}
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
