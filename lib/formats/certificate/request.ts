/** A request for a certificate (PKCS #10, RFC 2986 §4) in DER, for an ECDSA key. */
import { algorithm, alternativeNames, distinguishedName, tagged } from './der.ts'

/** extensionRequest, RFC 2985 §5.4.2 */
const extensionRequest = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x0e]

/** The part that is signed, with ECDSA over SHA-256. `publicKey`: SubjectPublicKeyInfo in DER, as node:crypto exports it. */
export function encodeRequestInfo(names: readonly [string, ...string[]], publicKey: Uint8Array): Buffer {
  const version1 = tagged(0x02, [0])
  const extensions = tagged(0x30, alternativeNames(names))
  const attributes = tagged(0xa0, tagged(0x30, tagged(0x06, extensionRequest), tagged(0x31, extensions)))
  return tagged(0x30, version1, distinguishedName(names[0]), publicKey, attributes)
}

/** `signature` in DER, as node:crypto gives it. */
export function encodeRequest(info: Uint8Array, signature: Uint8Array): Buffer {
  return tagged(0x30, info, algorithm(), tagged(0x03, [0], signature))
}
