/**
 * PEM (RFC 7468), and a certificate with its key as one text, so that both change together: the key first, then the chain
 * from the host's certificate upwards.
 */

export interface CertificatePair {
  readonly certPem: string
  readonly keyPem: string
}

export function encodePem(label: string, der: Uint8Array): string {
  const lines = Buffer.from(der).toString('base64').match(/.{1,64}/g) ?? []
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n')
}

export function joinPem({ certPem, keyPem }: CertificatePair): string {
  return [keyPem, certPem].map((pem) => pem.trim() + '\n').join('')
}

/** @throws {Error} when the text lacks the key or the certificate; whether they belong together is not looked at */
export function splitPem(text: string): CertificatePair {
  // RFC 7468 §2
  const blocks = text.match(/-----BEGIN ([A-Z0-9 ]+)-----[\s\S]+?-----END \1-----/g) ?? []
  const keys = blocks.filter((block) => /^-----BEGIN (?:RSA |EC )?PRIVATE KEY-----/.test(block))
  const chain = blocks.filter((block) => block.startsWith('-----BEGIN CERTIFICATE-----'))
  const [keyPem] = keys
  if (keyPem === undefined || keys.length > 1) throw new Error('the text has no private key, or more than one')
  if (chain.length === 0) throw new Error('the text has no certificate')
  return { certPem: chain.join('\n') + '\n', keyPem: keyPem + '\n' }
}
