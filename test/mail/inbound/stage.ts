/** What the tests of this room stand on: a real directory and real mailboxes in memory, a clock of their own. */
import { defaultConfig } from '#lib/config.ts'
import type { Config } from '#lib/config.ts'
import type { Note, NoteAnswer, NoteHandler } from '#lib/engine/ports.ts'
import type { AuthVerdict, Verdict } from '#lib/formats/auth/verdict.ts'
import { Directory } from '#lib/mail/accounts/directory.ts'
import { makeCheckInbound } from '#lib/mail/inbound/checkInbound.ts'
import type { Settled } from '#lib/mail/inbound/checkInbound.ts'
import { readContent } from '#lib/mail/transit/content.ts'
import { decodeAnyNote, encodeNote } from '#lib/mail/transit/note.ts'
import type { Content, InboundNote, OutboundNote } from '#lib/mail/transit/note.ts'
import { makeResolve } from '#lib/mail/rules/recipients.ts'
import { expungeMessages } from '#lib/mail/mailbox/expunge.ts'
import { deleteMailbox } from '#lib/mail/mailbox/mailboxes.ts'
import { makeRecordChanges } from '#lib/mail/mailbox/record.ts'
import { openBody } from '#lib/mail/mailbox/read.ts'
import type { MailStore } from '#lib/mail/mailbox/store.ts'
import { makeSetting } from '../mailbox/setting.ts'
import type { Setting } from '../mailbox/setting.ts'

export interface InboundStage extends Setting {
  readonly directory: Directory
  readonly mail: MailStore
  readonly settings: Config['inbound']
  /** What makeReport was asked to tell. */
  readonly told: { readonly note: Pick<OutboundNote, 'queueId' | 'envelope'>; readonly recipients: readonly Settled[] }[]
  readonly check: NoteHandler
  /** One note through the check. */
  run(note: Partial<InboundNote>, id?: string): Promise<NoteAnswer>
  /** Whole messages of a mailbox, in the order of their UIDs. */
  messages(address: string, mailbox?: string): Promise<string[]>
  /** Removes all of INBOX. */
  empty(address: string): Promise<void>
  /** Removes a mailbox. */
  remove(address: string, mailbox: string): Promise<void>
}

export const hostname = 'mx.ours.example'

/** Users anna, bert and carl at ours.example, dora at other.example. */
export async function openStage(change: { inbound?: Partial<Config['inbound']>; accounts?: Partial<Config['accounts']> } = {}): Promise<InboundStage> {
  const setting = makeSetting()
  const config = defaultConfig()
  const settings = { ...config.inbound, ...change.inbound }
  const directory = new Directory({ table: setting.engine.table, clock: setting.clock, settings: { ...config.accounts, scryptCost: 4, scryptParallel: 1, scramIterations: 4096, ...change.accounts }, makeDkimKeys: async () => [] })
  await directory.addDomain({ name: 'ours.example' })
  await directory.addDomain({ name: 'other.example' })
  for (const address of ['anna@ours.example', 'bert@ours.example', 'carl@ours.example', 'dora@other.example']) await directory.addUser({ address, password: 'a long password' })
  const mail = setting.store()
  const told: InboundStage['told'] = []
  const check = makeCheckInbound({
    directory,
    resolve: makeResolve({ directory, clock: setting.clock, maxAgeDays: settings.srsMaxAgeDays }),
    mail,
    table: setting.engine.table,
    blobs: setting.engine.blobs,
    clock: setting.clock,
    log: setting.deps.log,
    hostname,
    settings,
    maxHops: 100,
    isTrusted: (address) => address.startsWith('127.'),
    record: makeRecordChanges({ table: setting.engine.table, clock: setting.clock }),
    report: async (note, recipients) => {
      told.push({ note, recipients })
      return { queue: 'outbound', note: { id: `${note.queueId}-r`, body: Buffer.from('report') } }
    },
  })
  const run = async (note: Partial<InboundNote>, id?: string): Promise<NoteAnswer> => {
    const [answer] = await check([asNote(inbound(note), id)])
    if (answer === undefined) throw new Error('no answer')
    return answer
  }
  return { ...setting, directory, mail, settings, told, check, run, messages: (address, mailbox = 'INBOX') => readMailbox(directory, mail, address, mailbox), empty: (address) => emptyInbox(directory, mail, address), remove: (address, mailbox) => removeMailbox(directory, mail, address, mailbox) }
}

async function emptyInbox(directory: Directory, mail: MailStore, address: string): Promise<void> {
  const opened = await mail.open((await directory.user(address))?.id ?? '')
  await expungeMessages(opened, { mailboxId: opened.state.mailbox('INBOX')?.id ?? '', regardless: true })
  opened.release()
}

async function removeMailbox(directory: Directory, mail: MailStore, address: string, mailbox: string): Promise<void> {
  const opened = await mail.open((await directory.user(address))?.id ?? '')
  await deleteMailbox(opened, { name: mailbox })
  opened.release()
}

async function readMailbox(directory: Directory, mail: MailStore, address: string, mailbox: string): Promise<string[]> {
  const account = await directory.user(address)
  if (account === undefined) throw new Error(`there is no ${address}`)
  const opened = await mail.open(account.id)
  const list = opened.state.mailbox(mailbox)
  if (list === undefined) throw new Error(`there is no ${mailbox}`)
  const texts: string[] = []
  for (const uid of list.uids()) texts.push(await textOf((await openBody(opened, list.id, uid)).read()))
  opened.release()
  return texts
}

export async function textOf(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  const all: Uint8Array[] = []
  for await (const chunk of chunks) all.push(chunk)
  return Buffer.concat(all).toString('latin1')
}

export const text = (content: Content, { engine }: Setting): Promise<string> => textOf(readContent(engine.blobs, content))

export const body = 'Received: from x\r\nFrom: a@sender.example\r\nSubject: hello\r\n\r\nHello.\r\n'

export function inlineContent(message: string): Content {
  const bytes = Buffer.from(message, 'latin1')
  return { inline: bytes, codec: 'identity', sizeBytes: bytes.length }
}

export function inbound(note: Partial<InboundNote> = {}): InboundNote {
  return { kind: 'inbound', queueId: 'Q1', receivedAt: Date.UTC(2026, 10, 24, 12), envelope: envelope('a@sender.example', 'anna@ours.example'), client: { address: '192.0.2.1', hello: 'mail.sender.example' }, content: inlineContent(body), verdict: verdict(), ...note }
}

export function unjudged(note: InboundNote): InboundNote {
  return Object.fromEntries(Object.entries(note).filter(([word]) => word !== 'verdict')) as unknown as InboundNote
}

export function envelope(mailFrom: string, ...addresses: string[]): InboundNote['envelope'] {
  return { mailFrom, recipients: addresses.map((address) => ({ address })) }
}

export function asNote(note: InboundNote, id: string = note.queueId): Note {
  return { id, body: encodeNote(note), receives: 1, sentAt: 0 }
}

export function auth(change: Partial<AuthVerdict> = {}): AuthVerdict {
  return {
    spf: { result: 'pass', domain: 'sender.example', identity: 'mailfrom' },
    dkim: [],
    dmarc: { result: 'none', domain: 'sender.example', policyDomain: '', policy: 'none', percent: 100, alignment: { spf: false, dkim: false } },
    arc: { result: 'none', instance: 0 },
    ...change,
  }
}

export function verdict(change: Partial<AuthVerdict> = {}, score = 1): Verdict {
  return { auth: auth(change), spam: { score, reasons: score === 0 ? [] : [{ name: 'SOME_REASON', points: score }] }, draw: 50 }
}

/** What an answer sends on, decoded; reports stay as they are. */
export function sent(answer: NoteAnswer, queue?: string): { id: string; queue: string; note: ReturnType<typeof decodeAnyNote>; notBefore: number | undefined }[] {
  if (answer.kind !== 'done') throw new Error(`the answer is ${answer.kind}`)
  return (answer.then ?? []).filter((onward) => !onward.note.id.endsWith('-r') && (queue === undefined || queue === onward.queue)).map(({ queue: name, note }) => ({ id: note.id, queue: name, note: decodeAnyNote(note.body), notBefore: note.notBefore }))
}

export function outbound(answer: NoteAnswer): OutboundNote[] {
  return sent(answer, 'outbound').flatMap(({ note }) => (note.kind === 'outbound' ? [note] : []))
}
