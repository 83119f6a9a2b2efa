/**
 * The DKIM-Signature field: which fields are signed, what octets the signature is made over, and how it is written.
 * RFC 6376, canonicalization relaxed/relaxed; RFC 8463 for Ed25519. Text is latin1: one character an octet.
 */

/** Name and value as they stand in the message, the value with its folds and without the final CRLF. */
export interface SignedField {
  readonly name: string
  readonly value: string
}

export interface SignatureFacts {
  readonly algorithm: 'rsa-sha256' | 'ed25519-sha256'
  /** A-labels. */
  readonly domain: string
  readonly selector: string
  /** ms since 1970 */
  readonly at: number
  /** Base64 of the SHA-256 of the canonical body. */
  readonly bodyHash: string
}

/**
 * Named once more than they occur, so that none can be added on the way without breaking the signature
 * (RFC 6376 §5.4 and §8.15): what a reader sees, and what decides how the body is read.
 */
const sealed = ['From', 'To', 'Cc', 'Reply-To', 'Subject', 'Date', 'Message-ID', 'In-Reply-To', 'References', 'MIME-Version', 'Content-Type', 'Content-Transfer-Encoding']
/** Signed as often as they occur. Mailing lists add some of these in good faith. RFC 6376 §5.4.1 */
const present = ['Sender', 'Content-ID', 'Content-Description', 'Content-Disposition', 'Resent-Date', 'Resent-From', 'Resent-To', 'Resent-Cc', 'Resent-Message-ID', 'List-Id', 'List-Unsubscribe', 'List-Unsubscribe-Post', 'List-Post', 'Auto-Submitted']

export interface UnsignedSignature {
  /** What is hashed and signed. */
  readonly signedText: string
  /** The whole field with its CRLF. */
  readonly complete: (signature: Uint8Array) => string
}

/** The field without its signature, and the text that is to be signed. RFC 6376 §3.7 */
export function prepareSignature(fields: readonly SignedField[], { algorithm, domain, selector, at, bodyHash }: SignatureFacts): UnsignedSignature {
  const { names, text } = select(fields)
  const tags = `v=1; a=${algorithm}; c=relaxed/relaxed;\r\n\td=${domain}; s=${selector}; t=${Math.floor(at / 1000)};\r\n\th=${foldNames(names)};\r\n\tbh=${bodyHash};\r\n\tb=`
  const name = 'DKIM-Signature'
  return {
    signedText: text + relaxField({ name, value: ` ${tags}` }),
    complete: (signature) => `${name}: ${tags}${foldBase64(Buffer.from(signature).toString('base64'))}\r\n`,
  }
}

/** Of fields that occur more than once the last one comes first. RFC 6376 §5.4.2 */
function select(fields: readonly SignedField[]): { names: string[]; text: string } {
  const byName = new Map<string, SignedField[]>()
  for (const field of fields) {
    const key = field.name.trimEnd().toLowerCase()
    const same = byName.get(key)
    if (same === undefined) byName.set(key, [field])
    else same.unshift(field)
  }
  const names: string[] = []
  let text = ''
  for (const name of [...sealed, ...present]) {
    const same = byName.get(name.toLowerCase()) ?? []
    for (const field of same) {
      names.push(name)
      text += `${relaxField(field)}\r\n`
    }
  }
  return { names: [...names, ...sealed], text }
}

/** RFC 6376 §3.4.2 */
export function relaxField({ name, value }: SignedField): string {
  const relaxed = value.replaceAll('\r\n', '').replace(/[ \t]+/g, ' ')
  return `${name.trimEnd().toLowerCase()}:${relaxed.replace(/^ | $/g, '')}`
}

function foldNames(names: readonly string[]): string {
  let line = 0
  return names
    .map((name, i) => {
      const word = i === 0 ? name : `:${name}`
      line += word.length
      if (line <= 66) return word
      line = word.length
      return i === 0 ? word : `:\r\n\t${name}`
    })
    .join('')
}

function foldBase64(text: string): string {
  return text.replace(/.{72}(?=.)/g, '$&\r\n\t')
}
