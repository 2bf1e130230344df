// Package credential turns a reference to a secret into the secret: an environment variable of
// the gateway, a file, or text sealed with the key in the data directory. A [Secret] prints,
// logs and marshals as a marker, so that it reaches nothing but the target.
//
// Sealed text is "v1." and, in unpadded URL-safe base64, a random 24-byte nonce followed by
// XChaCha20-Poly1305 of the secret. Nothing is cached: a rotated file or variable is seen by the
// next session. Vault and cloud stores are not built yet.
package credential
