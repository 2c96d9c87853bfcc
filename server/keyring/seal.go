package keyring

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
)

// keyBytes is the size of all keys: AES-256.
const keyBytes = 32

// newCipher returns AES-256-GCM that puts a random nonce of 12 bytes in front of what it
// seals. A key must not seal more than 2^32 things: of variables that is a hundred writes a
// second for a year.
func newCipher(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// variablesCipher is what a root key seals variables with: a key derived from it, so that
// others may be derived for other uses.
func variablesCipher(root []byte) (cipher.AEAD, error) {
	key, err := hkdf.Expand(sha256.New, root, "drover variables 1", keyBytes)
	if err != nil {
		return nil, fmt.Errorf("derive the key of variables: %w", err)
	}
	return newCipher(key)
}

// bound says what a sealed thing is, in a form that no other has: each part follows its
// length.
func bound(parts ...string) []byte {
	var b []byte
	for _, part := range parts {
		b = binary.AppendUvarint(b, uint64(len(part)))
		b = append(b, part...)
	}
	return b
}

func boundToVariable(namespace, path, keyID string) []byte {
	return bound("drover variable 1", namespace, path, keyID)
}

func boundToKey(id string) []byte { return bound("drover root key 1", id) }
