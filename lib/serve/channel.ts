/** A TLS connection as logins see it: what names it (RFC 9266, RFC 5929), and whose certificate the client has shown. */
import { hash } from 'node:crypto'
import type { X509Certificate } from 'node:crypto'
import type tls from 'node:tls'
import { endPointHash, exporterBytes, exporterLabel } from '#lib/formats/sasl/channel.ts'
import type { BindingType } from '#lib/formats/sasl/channel.ts'
import type { LoginChannel } from '#lib/mail/accounts/channel.ts'

/** After the handshake; `asked`: the client was asked for a certificate. */
export function openChannel(secured: tls.TLSSocket, asked: boolean): LoginChannel {
  const made = new Map<BindingType, Uint8Array | undefined>()
  const binding = (type: BindingType): Uint8Array | undefined => {
    if (!made.has(type)) made.set(type, type === 'tls-exporter' ? exporter(secured) : serverEndPoint(secured))
    return made.get(type)
  }
  return { binding, clientAddresses: asked && isTrusted(secured) ? addressesOf(secured.getPeerX509Certificate()) : [] }
}

/** RFC 9266 §2: with TLS 1.2 only where the extended master secret was agreed on, which cannot be seen from here. */
function exporter(secured: tls.TLSSocket): Uint8Array | undefined {
  return secured.getProtocol() === 'TLSv1.3' ? secured.exportKeyingMaterial(exporterBytes, exporterLabel, Buffer.alloc(0)) : undefined
}

/** RFC 5929 §4 */
function serverEndPoint(secured: tls.TLSSocket): Uint8Array | undefined {
  const certificate = secured.getX509Certificate()
  const algorithm = endPointHash(certificate?.signatureAlgorithm ?? '')
  return certificate === undefined || algorithm === undefined ? undefined : hash(algorithm, certificate.raw, 'buffer')
}

/**
 * Whether the client's chain leads to an authority of ours. The socket knows, but tells only those that tls.Server made
 * (`authorized`); of the handle below it the same question is asked here. Should it ever not answer, nobody is trusted.
 */
function isTrusted(secured: tls.TLSSocket): boolean {
  const handle = (secured as unknown as { _handle?: { verifyError?: () => unknown } })._handle
  return secured.getPeerX509Certificate() !== undefined && handle?.verifyError !== undefined && handle.verifyError() === null
}

/** RFC 5280 §4.2.1.6: the rfc822Names; without any, the common name when it is an address. */
function addressesOf(certificate: X509Certificate | undefined): string[] {
  // A name with separators in it comes in quotes, and is none that a user could have.
  const names = (certificate?.subjectAltName ?? '').split(', ').flatMap((name) => (name.startsWith('email:') ? [name.slice('email:'.length)] : []))
  const [, commonName = ''] = /^CN=(.*)$/m.exec(certificate?.subject ?? '') ?? []
  return (names.length > 0 ? names : [commonName]).filter((name) => /^[^@\s"\\]+@[^@\s"\\]+$/.test(name))
}
