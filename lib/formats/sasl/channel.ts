/** Channel bindings: what names the TLS connection a login comes over, so that it is worth nothing over another one. */

/** RFC 9266, RFC 5929 §4. */
export const bindingTypes = ['tls-exporter', 'tls-server-end-point'] as const

export type BindingType = (typeof bindingTypes)[number]

/** RFC 9266 §2 */
export const exporterLabel = 'EXPORTER-Channel-Binding'
export const exporterBytes = 32

/**
 * RFC 5929 §4.1: the hash that a certificate was signed with, SHA-256 where that was a broken one; undefined when there
 * is none, as with Ed25519. `signature` is what OpenSSL calls the algorithm.
 */
export function endPointHash(signature: string): string | undefined {
  const [, bits] = /sha-?(1|224|256|384|512)(?!\d)/i.exec(signature) ?? []
  if (bits === '1' || /md5/i.test(signature)) return 'sha256'
  return bits === undefined ? undefined : `sha${bits}`
}
