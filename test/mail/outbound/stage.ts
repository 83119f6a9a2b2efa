/** The outbound rooms on an engine in memory, with a fake maker of reports and all that was logged. */
import assert from 'node:assert/strict'
import { systemClock } from '#lib/base/clock.ts'
import type { Clock } from '#lib/base/clock.ts'
import { makeLog } from '#lib/base/log.ts'
import type { LogEvent } from '#lib/base/log.ts'
import { defaultConfig } from '#lib/config.ts'
import type { Config } from '#lib/config.ts'
import type { Note, NoteAnswer } from '#lib/engine/ports.ts'
import type { Smarthost } from '#lib/mail/accounts/directory.ts'
import { makeDeliverOutbound } from '#lib/mail/outbound/deliverOutbound.ts'
import type { Following, Report } from '#lib/mail/outbound/settle.ts'
import { encodeNote } from '#lib/mail/transit/note.ts'
import type { DeliveryNote, Destination, Envelope, OutboundNote, RecipientProgress } from '#lib/mail/transit/note.ts'
import { memoryEngine } from '#test/mail/mailbox/memoryEngine.ts'

export const queueId = '0123456789BCDFGHJK'
export const plainMessage = 'Subject: hello\r\n\r\nHello.\r\n.dots\r\n'

/** Fast where a test would wait, else as shipped. */
export const quick: Partial<Config['outbound']> = { connectMs: 2000, commandMs: 2000, dataStartMs: 2000, dataBlockMs: 2000, dataEndMs: 2000, quitMs: 300, idleMs: 1000 }

export interface StageOptions {
  readonly settings?: Partial<Config['outbound']>
  readonly queue?: Partial<Config['queue']>
  readonly clock?: Clock
  /** By domain: ours, with or without a smarthost. */
  readonly domains?: Readonly<Record<string, Smarthost | null>>
}

export interface Reported {
  readonly kind: string
  readonly to: readonly string[]
}

export function openStage({ settings = {}, queue = {}, clock = systemClock, domains = {} }: StageOptions = {}) {
  const engine = memoryEngine()
  const events: LogEvent[] = []
  const reported: Reported[] = []
  const report: Report = async (message, recipients, options) => {
    const kinds = [...new Set(recipients.map(({ last }) => last.status))]
    reported.push({ kind: kinds.join(), to: recipients.map(({ address }) => address) })
    return { queue: 'inbound', note: { id: `${message.queueId}-r${kinds.join()}${options.until ?? ''}`, body: Buffer.from('report') } }
  }
  const config = defaultConfig()
  const directory = { domain: async (name: string) => (Object.hasOwn(domains, name) ? { name, smarthost: domains[name] ?? null } : undefined) }
  const deps = { ...engine, directory, clock, log: makeLog((event) => events.push(event), { level: 'debug', now: () => 0 }), hostname: 'mail.ours.example', config: { queue: { ...config.queue, ...queue }, outbound: { ...config.outbound, ...quick, ...settings } }, report }
  return { engine, events, reported, deps, fates: () => fatesOf(events) }
}

/** What became of whom: `one@x.example delivered 2.0.0`. */
function fatesOf(events: readonly LogEvent[]): string[] {
  return events
    .filter(({ event }) => ['delivered', 'deferred', 'bounced'].includes(event))
    .flatMap(({ event, fields }) => (fields['to'] as string[]).map((to) => `${to} ${event} ${String(fields['status'])}`))
    .sort()
}

export function outboundNote(to: readonly (string | RecipientProgress)[], more: Partial<Omit<OutboundNote, 'envelope'>> & { readonly envelope?: Partial<Envelope>; readonly text?: string } = {}): OutboundNote {
  const { text = plainMessage, envelope, ...rest } = more
  const recipients = to.map((each) => (typeof each === 'string' ? { address: each } : each))
  const bytes = Buffer.from(text, 'latin1')
  return {
    kind: 'outbound',
    queueId,
    receivedAt: 0,
    client: {},
    content: { inline: bytes, codec: 'identity', sizeBytes: bytes.length },
    attempts: 0,
    recipients,
    ...rest,
    envelope: { mailFrom: 'alice@ours.example', recipients: recipients.map(({ address, notify, orcpt }) => ({ address, ...(notify === undefined ? {} : { notify }), ...(orcpt === undefined ? {} : { orcpt }) })), ...envelope },
  }
}

export function destinationAt(...ports: readonly number[]): Destination {
  return { key: 'mx.remote.example', hosts: ports.map((port, i) => ({ name: i === 0 ? 'mx.remote.example' : `mx${i + 1}.remote.example`, addresses: ['127.0.0.1'], port })), via: 'mx', domain: 'remote.example' }
}

export function handedOut(id: string, note: OutboundNote | DeliveryNote): Note {
  return { id, body: encodeNote(note), receives: 1, sentAt: 0 }
}

export function deliveryNote(destination: Destination, note: OutboundNote): DeliveryNote {
  return { ...note, kind: 'delivery', destination }
}

/** One note through one deliverer of its own. */
export async function deliverOnce(stage: ReturnType<typeof openStage>, note: DeliveryNote, id = `${queueId}.X`): Promise<NoteAnswer> {
  const delivery = makeDeliverOutbound(stage.deps)
  try {
    const [answer] = await delivery.handle([handedOut(id, note)])
    assert.ok(answer !== undefined)
    return answer
  } finally {
    await delivery.close()
  }
}

export function following(answer: NoteAnswer | undefined): Following {
  assert.equal(answer?.kind, 'done', JSON.stringify(answer))
  return answer.kind === 'done' ? (answer.then ?? []) : []
}
