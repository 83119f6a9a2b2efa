/** What the tests of this room stand on: stores over one engine, a clock of their own, messages that need no parsing. */
import { makeLog } from '#lib/base/log.ts'
import type { LogEvent } from '#lib/base/log.ts'
import type { Clock } from '#lib/base/clock.ts'
import { defaultConfig } from '#lib/config.ts'
import type { Config } from '#lib/config.ts'
import type { MailDeps } from '#lib/mail/mailbox/accountLog.ts'
import { stateLines } from '#lib/mail/mailbox/describe.ts'
import { fileStored } from '#lib/mail/mailbox/filing.ts'
import type { FilingOutcome, FilingTarget } from '#lib/mail/mailbox/filing.ts'
import { newBlobKey } from '#lib/mail/mailbox/logKeys.ts'
import type { AccountState } from '#lib/mail/mailbox/state.ts'
import { MailStore } from '#lib/mail/mailbox/store.ts'
import type { AccountMail } from '#lib/mail/mailbox/store.ts'
import { hash } from 'node:crypto'
import { memoryEngine } from './memoryEngine.ts'
import type { MemoryEngine } from './memoryEngine.ts'

export interface Setting {
  readonly engine: MemoryEngine
  readonly deps: MailDeps
  readonly clock: Clock & { time: number }
  readonly events: LogEvent[]
  /** A store of its own, as another process has it. */
  readonly store: (settings?: Partial<Config['mailbox']>) => MailStore
}

export const start = Date.UTC(2026, 10, 24, 12)

export function makeSetting(settings: Partial<Config['mailbox']> = {}): Setting {
  const engine = memoryEngine()
  const clock = { time: start, now: () => clock.time, sleep: (_ms: number, signal?: AbortSignal) => new Promise<void>((resolve) => signal?.addEventListener('abort', () => resolve(), { once: true })) }
  const events: LogEvent[] = []
  const log = makeLog((event) => events.push(event), { level: 'debug', now: () => clock.time })
  const own = { ...defaultConfig().mailbox, ...settings }
  const deps: MailDeps = { table: engine.table, blobs: engine.blobs, bell: engine.bell, clock, log, settings: own }
  return { engine, clock, events, deps, store: (more = {}) => new MailStore({ ...deps, settings: { ...own, ...more } }) }
}

/** Files a message of this text without reading it: its metadata is made up. */
export async function fileText(account: AccountMail, target: Partial<FilingTarget> & { text?: string; internalDate?: number } = {}): Promise<FilingOutcome> {
  const { text = 'Subject: x\r\n\r\nhello\r\n', internalDate = start, ...rest } = target
  const { blobs, clock } = account.log.deps
  const bytes = Buffer.from(text)
  const key = newBlobKey(account.accountId, clock.now())
  await blobs.put(key, bytes, { account: account.accountId })
  const blob = { key, offset: 0, length: bytes.length, codec: 'identity' as const, sizeBytes: bytes.length }
  const place = rest.mailboxId === undefined ? { mailboxName: 'INBOX' } : {}
  const outcome = await fileStored(account, { ...place, flags: [], ...rest }, { internalDate, sizeBytes: bytes.length, blob, hash: hash('sha256', bytes, 'buffer'), metadata: { inline: Buffer.from('made up'), codec: 'identity' } })
  if (outcome.duplicate) await blobs.delete(key)
  return outcome
}

export function inboxOf(state: AccountState) {
  const mailbox = state.mailbox('INBOX')
  if (mailbox === undefined) throw new Error('there is no INBOX')
  return mailbox
}

/** Equal texts for equal states. */
export function describeState(state: AccountState): string[] {
  return [...stateLines(state)]
}

/** 9,000 messages in INBOX, three segments of them. */
export async function makeLarge(): Promise<Setting> {
  const setting = makeSetting({ snapshotEntries: 0 })
  const account = await setting.store().open('anna')
  for (let n = 0; n < 45; n++) await Promise.all(Array.from({ length: 200 }, () => fileText(account)))
  return setting
}

/** The same rows and blobs in an engine of their own. */
export function cloneOf({ engine }: Setting): Setting {
  const setting = makeSetting()
  for (const [partition, rows] of engine.rows) setting.engine.rows.set(partition, new Map(rows))
  for (const [key, blob] of engine.kept) setting.engine.kept.set(key, blob)
  return setting
}

export async function findOnly<T>(source: AsyncIterable<T>): Promise<T> {
  const all: T[] = []
  for await (const one of source) all.push(one)
  const [only] = all
  if (only === undefined || all.length !== 1) throw new Error(`there are ${all.length}, not one`)
  return only
}
