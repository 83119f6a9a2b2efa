/**
 * A mail system on an emulated account whose every call is metered: the front's rooms, the functions' rooms, and event sources
 * that call them as Lambda's do, with the requests those cost.
 */
import { readFileSync } from 'node:fs'
import { DeleteMessageBatchCommand, ReceiveMessageCommand } from '@aws-sdk/client-sqs'
import { systemClock } from '#lib/base/clock.ts'
import type { Clock } from '#lib/base/clock.ts'
import type { Resolver } from '#lib/base/dns.ts'
import { makeLog } from '#lib/base/log.ts'
import type { LogEvent } from '#lib/base/log.ts'
import { defaultConfig } from '#lib/config.ts'
import type { Config } from '#lib/config.ts'
import type { AwsClients, AwsEngine } from '#lib/engine/aws/engine.ts'
import { Meter } from '#lib/engine/aws/meter.ts'
import { mapCounts } from '#lib/engine/aws/prices.ts'
import type { Counts } from '#lib/engine/aws/prices.ts'
import type { NoteHandler, QueueName } from '#lib/engine/ports.ts'
import { makeDeliverOutbound } from '#lib/mail/outbound/deliverOutbound.ts'
import { makeLookUpMx } from '#lib/mail/outbound/lookUpMx.ts'
import { openCheckInbound } from '#lib/mail/rooms/checkInbound.ts'
import { openReception } from '#lib/mail/rooms/reception.ts'
import type { Reception } from '#lib/mail/rooms/reception.ts'
import { shareRooms } from '#lib/mail/rooms/shared.ts'
import type { SharedDeps } from '#lib/mail/rooms/shared.ts'
import { openStores } from '#lib/mail/rooms/stores.ts'
import { newQueueId } from '#lib/mail/transit/queueId.ts'
import { makeAccount } from './account.ts'

/**
 * What an emulator cannot show: how long a function waits for AWS, and for other hosts. Stated here: the usual time of a call
 * inside a region. The calls for one note are charged one after another, notes of a batch side by side, as the handlers work.
 * The work of our own is some ten times what checking and filing take on a whole core, for a function has less than one.
 */
const waitMs = { dynamo: 5, s3: 30, sqs: 8 }
const ownWorkMs = 10
/**
 * A whole SMTP transaction with TLS over the open Internet, most of it the answer to the message's end; and one that is turned
 * away at its greeting. Every 100 ms of it cost 0.07 cents per 1,000 messages that go alone, a tenth of that in batches of ten.
 */
export const transactionMs = 700
export const turnedAwayMs = 300

const functionOf: Record<QueueName, string> = { inbound: 'check-inbound', outbound: 'look-up-mx', delivery: 'deliver-outbound' }

/** As the stacks have it. */
function memoryMiB(verb: string): number {
  const sources = ['pipeline', 'outbound'].map((name) => readFileSync(new URL(`../../../lib/stacks/${name}.ts`, import.meta.url), 'utf8')).join('\n')
  const found = new RegExp(`addMailFunction\\(this, '${verb}', \\{[^}]*?memoryMiB: (\\d+)`).exec(sources)?.[1]
  if (found === undefined) throw new Error(`the stacks do not say how much memory ${verb} has`)
  return Number(found)
}

const gigabyteSeconds = (verb: string, ms: number): number => (ms / 1000) * (memoryMiB(verb) / 1024)

/** Real time and some. */
export interface MovableClock extends Clock {
  move(ms: number): void
}

function movableClock(): MovableClock {
  // Always the same time of day, for what a sweep does depends on the minute.
  let offset = Date.UTC(2026, 10, 25, 12, 1) - Date.now()
  return { now: () => Date.now() + offset, sleep: (ms, signal) => systemClock.sleep(ms, signal), move: (ms) => void (offset += ms) }
}

export interface MeteredMail {
  readonly meter: Meter
  readonly clock: MovableClock
  readonly events: readonly LogEvent[]
  readonly front: { readonly engine: AwsEngine; readonly shared: SharedDeps; readonly reception: Reception }
  readonly functions: { readonly engine: AwsEngine; readonly shared: SharedDeps }
  /** The environment of the functions is a new one, which has nothing open and remembers nothing. */
  restartFunctions(): Promise<void>
  /** One batch of the queue through its function. How many notes that were. */
  pump(queue: QueueName, options?: { readonly most?: number; readonly remoteMs?: number }): Promise<number>
  receive(to: string, message: Uint8Array): Promise<void>
  /** A front task of its own, where a client waits for news. */
  openListener(accountId: string): Promise<{ readonly heard: () => number; close(): Promise<void> }>
  /** The GB-seconds of a run of this function with so many calls to the table. */
  runOf(verb: string, calls: number): number
  /** What was counted while `work` ran, for one of `times`. */
  measure(times: number, work: () => Promise<void>): Promise<Counts>
  close(): Promise<void>
}

export async function openMeteredMail(endpoint: string, resolver: Resolver, change: (config: Config) => Config = (config) => config): Promise<MeteredMail> {
  const account = await makeAccount(endpoint)
  const meter = new Meter()
  const clock = movableClock()
  const events: LogEvent[] = []
  const config = change(defaultConfig())
  const log = makeLog((event) => events.push(event), { level: 'info', now: () => clock.now() })
  const openRooms = async (clients: AwsClients) => {
    withoutDelays(clients)
    const engine = await account.open({ clients, meter, clock, settings: { ...config.aws, pollMs: 20_000 } })
    return { engine, shared: { ...shareRooms({ engine, config, clock, log, hostname: 'mx.ours.example', ...openStores({ engine, config, clock, log }) }), resolver } }
  }
  const front = await openRooms(account.makeClients())
  const { sqs } = account.makeClients()
  meter.attach(sqs)
  const openFunctions = async () => {
    const rooms = await openRooms(account.makeClients())
    const delivery = makeDeliverOutbound(rooms.shared)
    const handlers: Record<QueueName, NoteHandler> = { inbound: openCheckInbound(rooms.shared), outbound: makeLookUpMx(rooms.shared), delivery: delivery.handle }
    const close = async (): Promise<void> => {
      await delivery.close()
      await rooms.shared.mailStore.close()
      await rooms.engine.close()
    }
    return { ...rooms, handlers, close }
  }
  let functions = await openFunctions()
  const reception = openReception(front.shared)
  return {
    meter, clock, events,
    get functions() {
      return functions
    },
    async restartFunctions() {
      await functions.close()
      functions = await openFunctions()
    },
    front: { ...front, reception },
    async pump(queue, { most = 10, remoteMs = 0 } = {}) {
      const QueueUrl = account.names.queues[queue]
      const { Messages = [] } = await sqs.send(new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: most, WaitTimeSeconds: 1, VisibilityTimeout: 60, MessageSystemAttributeNames: ['ApproximateReceiveCount'] }))
      if (Messages.length === 0) return 0
      const records = Messages.map(({ MessageId = '', ReceiptHandle = '', Body = '', Attributes }) => ({ messageId: MessageId, receiptHandle: ReceiptHandle, body: Body, attributes: { ApproximateReceiveCount: Attributes?.ApproximateReceiveCount ?? '1' } }))
      const before = meter.requests()
      const failed = await functions.engine.answerBatch(queue, records, functions.handlers[queue], { maxReceives: 20 })
      if (failed.length > 0) throw new Error(`notes failed: ${JSON.stringify(events.filter(({ level }) => level === 'error').slice(-3))}`)
      await functions.shared.mailStore.settle()
      const ms = ownWorkMs * records.length + waitedMs(before, meter.requests()) / records.length + remoteMs
      meter.add({ invocations: 1, gigabyteSeconds: gigabyteSeconds(functionOf[queue], ms) })
      await sqs.send(new DeleteMessageBatchCommand({ QueueUrl, Entries: records.map(({ receiptHandle }, index) => ({ Id: String(index), ReceiptHandle: receiptHandle })) }))
      return records.length
    },
    async receive(to, message) {
      if ((await reception.resolveRecipient(to)).kind === 'unknown') throw new Error(`${to} is unknown`)
      await reception.accept({ queueId: newQueueId(clock.now()), envelope: { mailFrom: 'sender@remote.example', recipients: [{ address: to }] }, client: { address: '192.0.2.1', hello: 'out.remote.example' }, content: oneChunk(message), headerPrefix: 'Received: from out.remote.example ([192.0.2.1])\r\n\tby mx.ours.example with ESMTP id 0123456789; Wed, 25 Nov 2026 12:00:00 +0000\r\n' })
    },
    async openListener(accountId) {
      const task = await openRooms(account.makeClients())
      const opened = await task.shared.mailStore.open(accountId)
      let heard = 0
      const stop = opened.listen(() => heard++)
      await task.engine.settled()
      return {
        heard: () => heard,
        async close() {
          stop()
          opened.release()
          await task.shared.mailStore.close()
          await task.engine.close()
        },
      }
    },
    runOf: (verb, calls) => gigabyteSeconds(verb, ownWorkMs + calls * waitMs.dynamo),
    async measure(times, work) {
      const before = meter.counts()
      await work()
      const after = meter.counts()
      return mapCounts((thing) => (after[thing] - before[thing]) / times)
    },
    async close() {
      await functions.close()
      await front.shared.mailStore.close()
      await front.engine.close()
    },
  }
}

function waitedMs(before: Readonly<Record<string, number>>, after: Readonly<Record<string, number>>): number {
  return Object.entries(after).reduce((sum, [operation, count]) => {
    const each = operation.startsWith('DynamoDB') ? waitMs.dynamo : operation.startsWith('S3') ? waitMs.s3 : waitMs.sqs
    return sum + each * (count - (before[operation] ?? 0))
  }, 0)
}

/** SQS hands out at once what would wait minutes: the clock is moved instead. */
function withoutDelays({ sqs }: AwsClients): void {
  sqs.middlewareStack.add((next) => async (call) => {
    const { Entries } = call.input as { Entries?: { DelaySeconds?: number }[] }
    for (const entry of Entries ?? []) delete entry.DelaySeconds
    return next(call)
  }, { step: 'initialize', name: 'withoutDelays' })
}

export async function* oneChunk(message: Uint8Array): AsyncGenerator<Uint8Array> {
  yield message
}

const words = 'the of and to in is you that it he was for on are as with his they at be this have from or one had by word but not what all were we when your can said there use an each which she do how their if will up other about out many then them these so some her would make like him into time has look two more write go see number no way could people my than first water been call who oil its now find long down day did get come made may part'.split(' ')

/** Mail as people write it: a header, words that compress, and from 40 KB on a picture that does not. */
export function sampleMessage(sizeBytes: number, seed: number): Uint8Array {
  let state = seed * 2654435761 + 1
  const random = (below: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
  const head = `From: Sender ${seed} <sender@remote.example>\r\nTo: Anna <anna@ours.example>\r\nSubject: Number ${seed} of many about ${words[random(words.length)] ?? ''}\r\nDate: Wed, 25 Nov 2026 12:00:00 +0000\r\nMessage-ID: <${seed}.${random(1e9)}@remote.example>\r\nMIME-Version: 1.0\r\n`
  const sentence = (): string => `${Array.from({ length: 10 }, () => words[random(words.length)] ?? '').join(' ')}\r\n`
  const fill = (text: string, target: number): string => {
    while (text.length < target) text += sentence()
    return text
  }
  if (sizeBytes < 40_000) return Buffer.from(fill(`${head}Content-Type: text/plain; charset=utf-8\r\n\r\n`, sizeBytes))
  const boundary = `b${seed}`
  const start = fill(`${head}Content-Type: multipart/mixed; boundary=${boundary}\r\n\r\n--${boundary}\r\nContent-Type: text/plain\r\n\r\n`, 8000)
  let picture = ''
  while (start.length + picture.length + 200 < sizeBytes) picture += `${Buffer.from(Array.from({ length: 57 }, () => random(256))).toString('base64')}\r\n`
  return Buffer.from(`${start}--${boundary}\r\nContent-Type: image/jpeg\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename=picture.jpg\r\n\r\n${picture}--${boundary}--\r\n`)
}
