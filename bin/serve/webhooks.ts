/** The webhooks that events go to, and the secret that signs them: made at the first start that needs one. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { randomBytes } from 'node:crypto'
import { dirname, join } from 'node:path'
import { systemClock } from '#lib/base/clock.ts'
import { parseSecrets, showSecret } from '#lib/formats/events/signature.ts'
import { startSender } from '#lib/mail/events/sender.ts'
import { makePost, Webhook } from '#lib/mail/events/webhook.ts'
import { CommandError } from '../commandError.ts'
import type { Place } from '../place.ts'

/** @throws {CommandError} when the secret cannot be read or made */
export function openWebhooks({ config, dataDirectory, log }: Pick<Place, 'config' | 'log'> & { readonly dataDirectory: string }): Webhook[] {
  const { urls, secretFile, timeoutMs } = config.events
  if (urls.length === 0) return []
  const file = secretFile === '' ? join(dataDirectory, 'events-secret') : secretFile
  const secrets = readSecrets(file) ?? (secretFile === '' ? makeSecret(file) : undefined)
  if (secrets === undefined) throw new CommandError(`${file} (events.secretFile) is not there`)
  const post = makePost(timeoutMs)
  log.debug('webhooks', { urls: urls.length, secretFile: file })
  return urls.map((url) => new Webhook(url, secrets, post))
}

export function startSenders({ engine, log, config }: Place, webhooks: readonly Webhook[]): { stop(): Promise<void> } {
  const senders = webhooks.map((webhook) => startSender({ table: engine.table, bell: engine.bell, clock: systemClock, log, settings: config.events }, webhook))
  return { stop: async () => void (await Promise.all(senders.map((sender) => sender.stop()))) }
}

/** Undefined when there is no such file. */
function readSecrets(file: string): Buffer[] | undefined {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new CommandError(`${file} cannot be read: ${(error as Error).message}`)
  }
  const secrets = parseSecrets(text)
  if (secrets === undefined) throw new CommandError(`${file} holds no secret: a line each of whsec_ and base64, or of 16 characters at least`)
  return secrets
}

function makeSecret(file: string): Buffer[] {
  const secret = randomBytes(32)
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  writeFileSync(file, `${showSecret(secret)}\n`, { mode: 0o600 })
  return [secret]
}
