// Package keyring keeps what users entrust to the cluster unreadable for whoever gets hold
// of its log, its database or a snapshot.
//
// There are keys on two floors. Root keys seal variables; they are objects of the store, so
// that every server has them. They are stored wrapped by a key-encryption key, which is in a
// file of each server, the Keystore, and nowhere else:
//
//	keystore (file, 0600)      wraps      RootKey (store)      seals      SealedVariable (store)
//
// Everything is AES-256-GCM with a random nonce in front. What a thing is, and where it
// belongs, is authenticated with it (a variable's namespace and path, a key's ID), so that
// nothing sealed can be put into the place of something else.
// docs/decisions/0016-keys-of-variables.md says what that protects against, and what not.
package keyring
