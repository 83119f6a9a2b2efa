/**
 * The Bell between tasks: who listens to an account stands in the Table, and each task has a queue of its own.
 *
 *   ~bell/<account>   <task>   where the task's rings go, and until when it may be believed
 *
 * Invariants: ringing never fails and never waits, for a ring may be lost; a function waits for `settled` before it ends, for
 * nothing of it runs after. A task that died costs one try: its rows run out or lead to no queue, and who finds them removes them.
 */
import { randomUUID } from 'node:crypto'
import { CreateQueueCommand, DeleteMessageBatchCommand, DeleteQueueCommand, ReceiveMessageCommand, SendMessageCommand } from '@aws-sdk/client-sqs'
import type { SQSClient } from '@aws-sdk/client-sqs'
import type { Clock } from '#lib/base/clock.ts'
import { errorFields } from '#lib/base/log.ts'
import type { Log } from '#lib/base/log.ts'
import type { Bell, RowKey, Table } from '../ports.ts'
import { readRange } from './dynamoTable.ts'
import type { TableParts } from './dynamoTable.ts'
import { named, pauseBefore } from './unavailable.ts'

/** A registration outlives the last listener for so long, for clients come back. */
const lingerMs = 60_000
const shortPauseMs = 50
/** Rings are told anew to the same task in one message up to this many accounts. */
const accountsInMessage = 100

export interface BellParts extends TableParts {
  readonly sqs: SQSClient
  readonly clock: Clock
  readonly log: Log
  readonly rows: Table
  /** Absent: made up. */
  readonly queueName?: string | undefined
  readonly bellMs: number
  readonly pollMs: number
}

interface Ear {
  readonly listeners: Set<() => void>
  registeredAt: number
  /** Since when nobody listens. */
  quietSince: number | undefined
}

interface Registration {
  readonly url: string
  readonly until: number
}

export class RegistryBell implements Bell {
  readonly #parts: BellParts
  readonly #task: string
  readonly #ears = new Map<string, Ear>()
  readonly #pending = new Set<Promise<void>>()
  readonly #closing = new AbortController()
  #rung = new Set<string>()
  #ownQueue: Promise<string> | undefined
  #listening: Promise<unknown> = Promise.resolve()
  #isListening = false

  constructor(parts: BellParts) {
    this.#parts = parts
    this.#task = parts.queueName ?? `pennypost-bell-${randomUUID()}`
  }

  ring(account: string): void {
    this.#rung.add(account)
    if (this.#rung.size === 1) this.#track(new Promise<void>((resolve) => setImmediate(resolve)).then(async () => this.#flush()))
  }

  listen(account: string, listener: () => void): () => void {
    // A wrapper, so that one function may listen twice and stop once.
    const entry = () => listener()
    const ear = this.#ears.get(account) ?? { listeners: new Set(), registeredAt: -Infinity, quietSince: undefined }
    this.#ears.set(account, ear)
    ear.listeners.add(entry)
    ear.quietSince = undefined
    this.#begin()
    this.#track(this.#register(account, ear))
    return () => {
      ear.listeners.delete(entry)
      if (ear.listeners.size === 0) ear.quietSince = this.#parts.clock.now()
    }
  }

  /** Resolves when what was rung until now has been told. */
  async settled(): Promise<void> {
    while (this.#pending.size > 0) await Promise.all(this.#pending)
  }

  async close(): Promise<void> {
    this.#closing.abort()
    await Promise.all([this.settled(), this.#listening])
    for (const account of this.#ears.keys()) await this.#quietly(this.#parts.rows.commit([{ delete: this.#key(account) }]))
    const url = await this.#ownQueue?.catch(() => undefined)
    if (url !== undefined) await this.#quietly(this.#parts.sqs.send(new DeleteQueueCommand({ QueueUrl: url })))
  }

  #track(work: Promise<void>): void {
    const tracked: Promise<void> = work.catch((error: unknown) => this.#parts.log.warn('bell-failed', errorFields(error))).finally(() => this.#pending.delete(tracked))
    this.#pending.add(tracked)
  }

  // ---------------------------------------------------------------- ringing

  async #flush(): Promise<void> {
    const accounts = [...this.#rung]
    this.#rung = new Set()
    for (const account of accounts) this.#sound(account)
    const told = new Map<string, string[]>()
    await Promise.all(accounts.map(async (account) => {
      for (const url of await this.#tasksOf(account)) told.set(url, [...(told.get(url) ?? []), account])
    }))
    await Promise.all([...told].map(async ([url, rung]) => this.#tell(url, rung)))
  }

  /** Queues of the other tasks that listen. */
  async #tasksOf(account: string): Promise<string[]> {
    // A listener that registers this instant reads the log anyway: half the price for a hint.
    const { items } = await readRange(this.#parts, { partition: partitionOf(account) }, false)
    const urls: string[] = []
    for (const { sort, value } of items) {
      if (sort === this.#task) continue
      const { url, until } = JSON.parse(Buffer.from(value).toString()) as Registration
      if (until > this.#parts.clock.now()) urls.push(url)
      else await this.#parts.rows.commit([{ delete: { partition: partitionOf(account), sort }, onlyIf: { equals: value } }])
    }
    return urls
  }

  async #tell(url: string, accounts: readonly string[]): Promise<void> {
    for (let at = 0; at < accounts.length; at += accountsInMessage) {
      try {
        await this.#parts.sqs.send(new SendMessageCommand({ QueueUrl: url, MessageBody: JSON.stringify(accounts.slice(at, at + accountsInMessage)) }))
      } catch (error) {
        if (!named(error, 'QueueDoesNotExist', 'AWS.SimpleQueueService.NonExistentQueue')) throw error
        await Promise.all(accounts.map(async (account) => this.#forgetTask(account, url)))
        return
      }
    }
  }

  async #forgetTask(account: string, gone: string): Promise<void> {
    const { items } = await this.#parts.rows.range({ partition: partitionOf(account) })
    for (const { sort, value } of items) {
      const { url } = JSON.parse(Buffer.from(value).toString()) as Registration
      if (url === gone) await this.#parts.rows.commit([{ delete: { partition: partitionOf(account), sort }, onlyIf: { equals: value } }])
    }
  }

  #sound(account: string): void {
    for (const listener of this.#ears.get(account)?.listeners ?? []) {
      try {
        listener()
      } catch (error) {
        this.#parts.log.error('bell-listener-failed', errorFields(error))
      }
    }
  }

  // ---------------------------------------------------------------- listening

  async #register(account: string, ear: Ear): Promise<void> {
    const { clock, bellMs, rows } = this.#parts
    const now = clock.now()
    if (this.#closing.signal.aborted || now - ear.registeredAt < bellMs / 2) return
    ear.registeredAt = now
    try {
      const registration: Registration = { url: await this.#queueUrl(), until: now + bellMs }
      await rows.commit([{ put: this.#key(account), value: Buffer.from(JSON.stringify(registration)) }])
    } catch (error) {
      ear.registeredAt = -Infinity
      throw error
    }
  }

  #key(account: string): RowKey {
    return { partition: partitionOf(account), sort: this.#task }
  }

  async #queueUrl(): Promise<string> {
    this.#ownQueue ??= this.#makeQueue()
    try {
      return await this.#ownQueue
    } catch (error) {
      this.#ownQueue = undefined
      throw error
    }
  }

  async #makeQueue(): Promise<string> {
    const { QueueUrl } = await this.#parts.sqs.send(new CreateQueueCommand({ QueueName: this.#task, Attributes: { MessageRetentionPeriod: '300', VisibilityTimeout: '30' } }))
    if (QueueUrl === undefined) throw new Error('SQS made a queue without an address')
    return QueueUrl
  }

  /** One loop while anyone listens; it ends when nobody has for a while. */
  #begin(): void {
    if (this.#isListening || this.#closing.signal.aborted) return
    this.#isListening = true
    this.#listening = this.#hear().finally(() => (this.#isListening = false))
  }

  async #hear(): Promise<void> {
    const { clock, log, pollMs } = this.#parts
    let failures = 0
    while (!this.#closing.signal.aborted && this.#ears.size > 0) {
      try {
        const heard = await this.#poll()
        failures = 0
        if (heard === 0 && pollMs < 1000) await clock.sleep(shortPauseMs, this.#closing.signal)
        await this.#keepRegistrations()
      } catch (error) {
        log.warn('bell-not-heard', errorFields(error))
        await pauseBefore(clock, ++failures)
      }
    }
  }

  async #poll(): Promise<number> {
    const { sqs, pollMs } = this.#parts
    const url = await this.#queueUrl()
    const { Messages = [] } = await sqs.send(new ReceiveMessageCommand({ QueueUrl: url, MaxNumberOfMessages: 10, WaitTimeSeconds: Math.floor(pollMs / 1000) }), { abortSignal: this.#closing.signal })
    if (Messages.length === 0) return 0
    const accounts = new Set(Messages.flatMap(({ Body = '[]' }) => accountsOf(Body)))
    for (const account of accounts) this.#sound(account)
    const entries = Messages.map(({ ReceiptHandle }, index) => ({ Id: String(index), ReceiptHandle }))
    await sqs.send(new DeleteMessageBatchCommand({ QueueUrl: url, Entries: entries }))
    return accounts.size
  }

  async #keepRegistrations(): Promise<void> {
    const now = this.#parts.clock.now()
    for (const [account, ear] of this.#ears) {
      if (ear.quietSince === undefined) await this.#register(account, ear)
      else if (now - ear.quietSince > lingerMs) {
        this.#ears.delete(account)
        await this.#parts.rows.commit([{ delete: this.#key(account) }])
      }
    }
  }

  async #quietly(work: Promise<unknown>): Promise<void> {
    await work.catch((error: unknown) => this.#parts.log.debug('bell-not-taken-down', errorFields(error)))
  }
}

const partitionOf = (account: string): string => `~bell/${account}`

/** What else comes to this queue is passed over. */
function accountsOf(body: string): string[] {
  try {
    const accounts: unknown = JSON.parse(body)
    return Array.isArray(accounts) ? accounts.filter((account) => typeof account === 'string') : []
  } catch {
    return []
  }
}
