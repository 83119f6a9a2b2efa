/**
 * How a webhook's request is signed, so that its receiver knows who sent it and when: Standard Webhooks 1.0
 * (https://www.standardwebhooks.com), for which there are libraries in most languages.
 */
import { createHmac } from 'node:crypto'

const prefix = 'whsec_'

export function showSecret(secret: Uint8Array): string {
  return prefix + Buffer.from(secret).toString('base64')
}

/**
 * A secret on each line, several while they are changed: `whsec_` and base64, as it is shown to the receiver; any other line is
 * the secret itself. Undefined when there is none, or one is too short to be one.
 */
export function parseSecrets(text: string): Buffer[] | undefined {
  const lines = text.split('\n').map((line) => line.trim())
  const secrets = lines.filter((line) => line !== '').map((line) => (line.startsWith(prefix) ? Buffer.from(line.slice(prefix.length), 'base64') : Buffer.from(line)))
  return secrets.length > 0 && secrets.every(({ length }) => length >= 16) ? secrets : undefined
}

/** @param at ms. The headers that go with `body`; one signature for each secret, any of which proves it. */
export function signRequest(secrets: readonly Uint8Array[], { id, at, body }: { readonly id: string; readonly at: number; readonly body: string }): Record<string, string> {
  const timestamp = String(Math.floor(at / 1000))
  const signatures = secrets.map((secret) => `v1,${createHmac('sha256', secret).update(`${id}.${timestamp}.${body}`).digest('base64')}`)
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signatures.join(' ') }
}
