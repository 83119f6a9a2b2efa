/**
 * The server's certificate. Every listener asks for the context anew at each handshake, so a renewed
 * certificate is used by the next client without a restart.
 */
import { generateKeyPair, randomBytes, sign } from 'node:crypto'
import tls from 'node:tls'
import { promisify } from 'node:util'
import { encodePem } from '#lib/formats/certificate/pem.ts'
import { encodeCertificate, encodeToBeSigned } from '#lib/formats/certificate/selfSigned.ts'

const dayMs = 24 * 3600 * 1000
/** A certificate nobody verifies against an authority gains nothing by expiring soon. */
const selfSignedDays = 3650

export class TlsKeeper {
  #context: tls.SecureContext
  readonly #clientCaPem: string | undefined

  private constructor(context: tls.SecureContext, clientCaPem: string | undefined) {
    this.#context = context
    this.#clientCaPem = clientCaPem
  }

  /**
   * With `clientCaPem` clients may show a certificate of these authorities instead of a password.
   * @throws when the first two are no matching PEM certificate chain and private key, or the third is no certificate.
   */
  static fromPem(certPem: string, keyPem: string, clientCaPem?: string): TlsKeeper {
    return new TlsKeeper(makeContext(certPem, keyPem, clientCaPem), clientCaPem)
  }

  get asksForClient(): boolean {
    return this.#clientCaPem !== undefined
  }

  context(): tls.SecureContext {
    return this.#context
  }

  /** @throws as {@link fromPem}; then the old certificate stays in use. */
  reload(certPem: string, keyPem: string): void {
    this.#context = makeContext(certPem, keyPem, this.#clientCaPem)
  }
}

function makeContext(cert: string, key: string, ca: string | undefined): tls.SecureContext {
  // RFC 8996: TLS 1.0 and 1.1 are no longer to be used. RFC 8314 §4.1 wants 1.2 for mail access.
  return tls.createSecureContext({ cert, key, ...(ca === undefined ? {} : { ca }), minVersion: 'TLSv1.2', honorCipherOrder: true })
}

/** A certificate for a first start, until the operator puts a real one: names the host and loopback. */
export async function makeSelfSigned(hostname: string, now = Date.now()): Promise<{ certPem: string; keyPem: string }> {
  const { publicKey, privateKey } = await promisify(generateKeyPair)('ec', { namedCurve: 'P-256' })
  const toBeSigned = encodeToBeSigned({
    names: [...new Set([hostname, 'localhost', '127.0.0.1', '::1'])],
    serial: randomBytes(16),
    // A client whose clock is a little behind must not refuse it.
    notBefore: new Date(now - dayMs),
    notAfter: new Date(now + selfSignedDays * dayMs),
    publicKey: publicKey.export({ type: 'spki', format: 'der' }),
  })
  const certificate = encodeCertificate(toBeSigned, sign('sha256', toBeSigned, privateKey))
  return { certPem: encodePem('CERTIFICATE', certificate), keyPem: String(privateKey.export({ type: 'pkcs8', format: 'pem' })) }
}
