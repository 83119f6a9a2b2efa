/**
 * Judges a message of a stranger while the client still waits: authenticates, scores, and asks each recipient's
 * domain what it thinks of the verdict.
 *
 * Invariants: a message is refused only when every recipient's domain refuses it. Otherwise nobody's mail vanishes: it was
 * answered 250, so those who would have refused it get it in Junk. What is trusted, submitted or made here is not
 * judged. The verdict travels with the note, so nothing is asked twice. Never throws for what the message or DNS hold.
 */
import { hash } from 'node:crypto'
import type { Clock } from '#lib/base/clock.ts'
import type { Resolver } from '#lib/base/dns.ts'
import type { Log } from '#lib/base/log.ts'
import type { Config } from '#lib/config.ts'
import type { Blobs } from '#lib/engine/ports.ts'
import { domainOfAddress } from '#lib/formats/auth/domain.ts'
import type { AuthVerdict, Verdict } from '#lib/formats/auth/verdict.ts'
import { asBuffer } from '#lib/formats/message/header.ts'
import { parseMessage } from '#lib/formats/message/structure.ts'
import { gatherFacts } from '#lib/formats/spam/facts.ts'
import type { ClientFacts } from '#lib/formats/spam/facts.ts'
import { scoreMessage } from '#lib/formats/spam/score.ts'
import { readBlobRef, unpackBytes } from '#lib/mail/transit/content.ts'
import type { ClientInfo, Content, Envelope } from '#lib/mail/transit/note.ts'
import type { Judge, Judgement } from './accept.ts'
import { authenticate } from './authenticate.ts'
import { nameClient } from './clientName.ts'
import { dispose } from './disposition.ts'
import type { DomainChoice, Refusal } from './disposition.ts'
import { rememberFor } from './remember.ts'
import { verdictFields } from './verdictFields.ts'

export interface JudgeDeps {
  readonly directory: { domain(name: string): Promise<DomainChoice | undefined> }
  readonly resolver: Resolver
  readonly blobs: Blobs
  readonly clock: Clock
  readonly log: Log
  readonly hostname: string
  readonly settings: Config['inbound']
  /** Is it one of `inbound.trusted`? */
  readonly isTrusted: (address: string) => boolean
}

/** Octets of a large message that are scored: spam comes to the point. */
const scoredBytes = 512 * 1024
/** How long a domain's choices are believed. */
const choiceMs = 5000

export function makeJudge(deps: JudgeDeps): Judge {
  const { settings } = deps
  const choiceOf = rememberFor(choiceMs, deps.clock, async (name) => (await deps.directory.domain(name)) ?? ({ dmarc: 'obey' } as const))
  return async ({ queueId, envelope, client, content }) => {
    if (client.accountId !== undefined || client.address === undefined || deps.isTrusted(client.address)) return {}
    if (!settings.checks && !settings.spam) return {}
    const fault = await headerFault(deps, content)
    if (fault !== undefined) return { refuse: { code: 554, enhancedCode: '5.6.0', text: fault } }
    const verdict = await examine(deps, queueId, envelope, { ...client, address: client.address }, content)
    const refusals = new Map<string, Refusal | undefined>()
    for (const name of new Set(envelope.recipients.map(({ address }) => domainOfAddress(address)))) {
      const disposition = dispose(verdict, await choiceOf(name), settings)
      refusals.set(name, disposition.action === 'refuse' ? disposition.refuse : undefined)
    }
    return conclude(deps, queueId, verdict, [...refusals.values()])
  }
}

/** Why its header is too much to check; what nobody could check would pass every policy. */
async function headerFault({ blobs, settings: { maxHeaderBytes, maxHeaderLines } }: JudgeDeps, content: Content): Promise<string | undefined> {
  const head = 'inline' in content ? await unpackBytes(content.inline, content.codec) : await collect(readBlobRef(blobs, content.blob, 0, Math.min(content.blob.sizeBytes, maxHeaderBytes + 4)))
  const octets = asBuffer(head)
  const end = octets.indexOf('\r\n\r\n')
  if ((end < 0 ? octets.length : end) > maxHeaderBytes) return `Header section longer than ${maxHeaderBytes} octets`
  let lines = 0
  for (let at = octets.indexOf('\r\n'); at >= 0 && (end < 0 || at < end); at = octets.indexOf('\r\n', at + 2)) if (++lines > maxHeaderLines) return `Header section of more than ${maxHeaderLines} lines`
  return undefined
}

function conclude(deps: JudgeDeps, queueId: string, verdict: Verdict, refusals: readonly (Refusal | undefined)[]): Judgement {
  const [refuse] = refusals
  if (refuse === undefined || refusals.some((one) => one === undefined)) return { forNote: { verdict } }
  // Of messages taken in, the check tells.
  deps.log.info('checked', { queueId, ...verdictFields(verdict) })
  return { refuse }
}

async function examine(deps: JudgeDeps, queueId: string, envelope: Envelope, client: ClientInfo & { readonly address: string }, content: Content): Promise<Verdict> {
  const draw = hash('sha256', queueId, 'buffer').readUInt32BE(0) % 100
  const inline = 'inline' in content ? await unpackBytes(content.inline, content.codec) : undefined
  const { address, hello = '' } = client
  const whole = () => inline ?? readLarge(deps, content)
  const [auth, ptr] = deps.settings.checks ? await Promise.all([authenticate(deps, { address, hello, mailFrom: envelope.mailFrom, message: whole() }), deps.settings.spam ? nameClient(deps.resolver, address) : undefined]) : []
  if (!deps.settings.spam) return { draw, ...(auth === undefined ? {} : { auth }) }
  const bytes = inline ?? (await collect(readLarge(deps, content, scoredBytes)))
  const spam = score(deps, bytes, envelope.mailFrom, auth, { address, hello, ...(ptr === undefined ? {} : { ptr }) })
  return { draw, spam, ...(auth === undefined ? {} : { auth }) }
}

function score(deps: JudgeDeps, bytes: Uint8Array, mailFrom: string, auth: AuthVerdict | undefined, client: ClientFacts): NonNullable<Verdict['spam']> {
  return scoreMessage(gatherFacts({ parsed: parseMessage(bytes), bytes, receivedAt: deps.clock.now(), mailFrom, auth, client, ownNames: [deps.hostname] }))
}

function readLarge(deps: JudgeDeps, content: Content, length?: number): AsyncIterable<Uint8Array> {
  if (!('blob' in content)) throw new Error('content inside its note is not read from Blobs')
  return readBlobRef(deps.blobs, content.blob, 0, length === undefined ? undefined : Math.min(length, content.blob.sizeBytes))
}

async function collect(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of source) chunks.push(chunk)
  return Buffer.concat(chunks)
}
