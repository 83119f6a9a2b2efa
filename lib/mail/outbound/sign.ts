/**
 * DKIM signatures of one of our domains, one with each of its keys that sign: RSA, which every verifier knows, and Ed25519.
 * Invariant: signing happens once, when the message enters; what leaves later is the same octets.
 */
import { createHash, createPrivateKey, sign } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { promisify } from 'node:util'
import { prepareSignature } from '#lib/formats/dkim/signature.ts'
import type { SignedField } from '#lib/formats/dkim/signature.ts'
import { signs } from '#lib/mail/accounts/dkimRotation.ts'
import type { Domain } from '#lib/mail/accounts/directory.ts'

export type SigningDomain = Pick<Domain, 'name' | 'dkim'>

export interface SignableHeader {
  /** In order of the message. */
  readonly fields: readonly SignedField[]
  /** Of `BodyHash`. */
  readonly bodyHash: string
  /** ms since 1970 */
  readonly at: number
}

/** The DKIM-Signature fields, each with its CRLF; '' for a domain without keys. */
export type Sign = (domain: SigningDomain, header: SignableHeader) => Promise<string>

/** Keys read from their PEM. The first use of an RSA key costs as much as signing; more keys than domains in use are not kept. */
const keptKeys = 200

const signInPool = promisify(sign)

export function makeSign(): Sign {
  const keys = new Map<string, KeyObject>()
  const keyOf = (pem: string): KeyObject => {
    const key = keys.get(pem) ?? createPrivateKey(pem)
    keys.delete(pem)
    keys.set(pem, key)
    for (const oldest of keys.keys()) {
      if (keys.size <= keptKeys) break
      keys.delete(oldest)
    }
    return key
  }
  return async (domain, { fields, bodyHash, at }) => {
    const signatures = domain.dkim.filter(signs).map(async ({ selector, algorithm, privateKeyPem }) => {
      const { signedText, complete } = prepareSignature(fields, { algorithm: `${algorithm}-sha256`, domain: domain.name, selector, at, bodyHash })
      return complete(await signText(Buffer.from(signedText, 'latin1'), algorithm, keyOf(privateKeyPem)))
    })
    return (await Promise.all(signatures)).join('')
  }
}

async function signText(text: Buffer, algorithm: 'rsa' | 'ed25519', key: KeyObject): Promise<Uint8Array> {
  // RFC 8463 §3: Ed25519 signs the hash; it is so quick that a thread would cost more.
  if (algorithm === 'ed25519') return sign(null, createHash('sha256').update(text).digest(), key)
  return await signInPool('sha256', text, key)
}
