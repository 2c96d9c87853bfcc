package job

import (
	crand "crypto/rand"
	"encoding/hex"
	"math/rand/v2"
	"sync"
)

// NewIDs returns a source of random UUIDs (version 4) that is fast enough to be
// asked once for each of many thousands of placements. It may be called
// concurrently.
func NewIDs() func() string {
	var seed [32]byte
	_, _ = crand.Read(seed[:]) // never fails: see crypto/rand
	var mu sync.Mutex
	source := rand.NewChaCha8(seed)
	return func() string {
		var b [16]byte
		mu.Lock()
		_, _ = source.Read(b[:]) // never fails
		mu.Unlock()
		b[6] = b[6]&0x0f | 0x40
		b[8] = b[8]&0x3f | 0x80
		return formatID(b)
	}
}

// formatID writes a UUID as 8-4-4-4-12 hexadecimal digits.
func formatID(b [16]byte) string {
	var out [36]byte
	hex.Encode(out[0:8], b[0:4])
	hex.Encode(out[9:13], b[4:6])
	hex.Encode(out[14:18], b[6:8])
	hex.Encode(out[19:23], b[8:10])
	hex.Encode(out[24:36], b[10:16])
	out[8], out[13], out[18], out[23] = '-', '-', '-', '-'
	return string(out[:])
}
