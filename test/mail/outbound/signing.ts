/** A domain with keys of both kinds, what its DNS says, and who verifies. */
import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto'
import type { Readable } from 'node:stream'
import { dkimVerify } from 'mailauth/lib/dkim/verify.js'
import type { DkimKey } from '#lib/mail/accounts/directory.ts'
import type { SigningDomain } from '#lib/mail/outbound/sign.ts'

function makeKey(algorithm: DkimKey['algorithm']): DkimKey {
  const { privateKey } = algorithm === 'rsa' ? generateKeyPairSync('rsa', { modulusLength: 2048 }) : generateKeyPairSync('ed25519')
  return { selector: `${algorithm}1`, algorithm, privateKeyPem: String(privateKey.export({ type: 'pkcs8', format: 'pem' })), createdAt: 0 }
}

export const ours: SigningDomain = { name: 'ours.test', dkim: [makeKey('rsa'), makeKey('ed25519')] }

const published = new Map(
  ours.dkim.map(({ selector, algorithm, privateKeyPem }) => {
    const der = createPublicKey(createPrivateKey(privateKeyPem)).export({ type: 'spki', format: 'der' })
    return [`${selector}._domainkey.ours.test`, `v=DKIM1; k=${algorithm}; p=${(algorithm === 'rsa' ? der : der.subarray(-32)).toString('base64')}`]
  }),
)

/** `algorithm result` of each signature, in order of the message; `strict` is the verifier's every rule. */
export async function verify(message: Uint8Array | Readable): Promise<string[]> {
  const { results } = await dkimVerify(message instanceof Uint8Array ? Buffer.from(message) : message, {
    strict: true,
    resolver: async (name: string) => {
      const record = published.get(name)
      if (record === undefined) throw Object.assign(new Error(`no ${name}`), { code: 'ENOTFOUND' })
      return [[record]]
    },
  })
  return results.map(({ algo, status }) => `${algo ?? '?'} ${status.result}`)
}

export const bothPass = ['rsa-sha256 pass', 'ed25519-sha256 pass']
