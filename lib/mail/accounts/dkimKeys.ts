import { generateKeyPair } from 'node:crypto'
import { promisify } from 'node:util'
import type { DkimKey } from './account.ts'

const generate = promisify(generateKeyPair)

/**
 * A pair of keys for a domain: RSA of 2048 bits, which every verifier knows (RFC 8301 §3.2), and Ed25519, which is
 * short and strong (RFC 8463). Selectors name month and algorithm, so that later keys stand beside these.
 */
export async function makeDkimKeys(now: number): Promise<DkimKey[]> {
  const month = new Date(now).toISOString().slice(0, 7).replace('-', '')
  const [rsa, ed25519] = await Promise.all([generate('rsa', { modulusLength: 2048 }), generate('ed25519')])
  const key = (algorithm: DkimKey['algorithm'], { privateKey }: typeof rsa): DkimKey => ({
    selector: `${algorithm}${month}`,
    algorithm,
    privateKeyPem: String(privateKey.export({ type: 'pkcs8', format: 'pem' })),
    createdAt: now,
  })
  return [key('rsa', rsa), key('ed25519', ed25519)]
}
