/**
 * The entries of an account's log: what is written down for ever.
 *
 * An entry is a list of changes that happen together, at one sequence number and one time:
 *   msgpack [version, at, writer, [[kind, ...], ...], [[mailbox id, name, special use], ...], first]
 * `first` is there when the entry also stands for those before it from that number on, which compaction (compact.ts) has
 * taken out. `writer` names the process that wrote it, so that a commit whose answer was lost can be known again. What the last list
 * says, and a filing's UID, the fold knows already: they are for readers that have only the entry (lib/mail/events).
 *
 * Invariants: an entry is at most {@link entryLimitBytes}; a kind's fields are only ever added to at the end; a change of
 * meaning is a new kind or a new version. A reader that meets what it does not know stops with {@link EntryFormatError}:
 * skipping an entry would give every later one another meaning.
 */
import { Packr } from 'msgpackr'
import type { BlobRef } from '#lib/mail/transit/note.ts'
import { Fields } from './fields.ts'
import type { FlagAction } from './flagSets.ts'
import type { Origin } from './origin.ts'
import { decodeRuns, encodeRuns } from './uidRuns.ts'
import type { UidRuns } from './uidRuns.ts'

/** 2: the entry stands for others, or takes a message back; a program of version 1 would make something else of it. */
const entryVersion = 2
const plainVersion = 1

/** DynamoDB bills by the octet; design: entries stay below 64 KB. */
export const entryLimitBytes = 64 * 1024

/** What lists need of a message, packed by formats/message; null once it was swept away. */
export type StoredMetadata = { readonly inline: Uint8Array; readonly codec: BlobRef['codec'] } | { readonly blob: BlobRef } | null

export interface FileChange {
  readonly kind: 'file'
  readonly mailbox: string
  readonly flags: readonly string[]
  /** ms */
  readonly internalDate: number
  readonly sizeBytes: number
  readonly deliveryId: string | null
  readonly blob: BlobRef
  /** SHA-256 of the octets as they are stored. */
  readonly hash: Uint8Array
  readonly metadata: StoredMetadata
  /** The UID that the fold will give it. Absent in entries of older programs. */
  readonly uid?: number
  /** Of a delivery: the reverse path, and the recipient that led to this account. */
  readonly envelope?: { readonly from: string; readonly to: string }
  /** The departed message that this one is, come back: its content is this one's now, and no sweep takes it. */
  readonly restores?: Origin
}

/** Of one mailbox, as it was at the entry: what flag changes that were taken out had made of it. */
export interface SettledMailbox {
  readonly mailbox: string
  readonly highestModSeq: number
  readonly keywords: readonly string[]
  readonly messages: readonly { readonly flags: readonly string[]; readonly modSeq: number; readonly uids: UidRuns }[]
}

/** Takes the place of flag changes from `since` up to this entry (compact.ts). */
export interface SettleChange {
  readonly kind: 'settle'
  /** The first entry whose flag changes this stands for, whether they are still there or not. */
  readonly since: number
  /** Keywords in the spelling that the account saw first. */
  readonly spellings: readonly string[]
  readonly mailboxes: readonly SettledMailbox[]
}

/** What a server, or this one, said of a message that the account had sent; without effect on any mailbox. */
export interface OutcomeChange {
  readonly kind: 'outcome'
  readonly outcome: 'delivered' | 'deferred' | 'bounced'
  /** The same when the same outcome is written twice. */
  readonly key: string
  readonly queueId: string
  readonly messageId: string | null
  readonly from: string
  readonly recipients: readonly string[]
  readonly host: string | null
  readonly reply: string
  readonly code: number | null
  readonly enhancedCode: string
  readonly attempt: number
  /** ms, of what is deferred. */
  readonly nextAt: number | null
}

/** The account handed in a message to be sent; without effect on any mailbox. */
export interface SubmitChange {
  readonly kind: 'submit'
  readonly queueId: string
  readonly messageId: string | null
  readonly from: string
  readonly recipients: readonly string[]
  readonly sizeBytes: number
}

export type Change =
  | FileChange
  | SubmitChange
  | OutcomeChange
  | { readonly kind: 'flags'; readonly mailbox: string; readonly uids: UidRuns; readonly action: FlagAction; readonly flags: readonly string[] }
  | { readonly kind: 'copy'; readonly from: string; readonly to: string; readonly uids: UidRuns }
  | { readonly kind: 'move'; readonly from: string; readonly to: string; readonly uids: UidRuns }
  | { readonly kind: 'expunge'; readonly mailbox: string; readonly uids: UidRuns }
  | { readonly kind: 'create'; readonly name: string; readonly specialUse: string | null }
  /** The mailbox of this name and all below it. */
  | { readonly kind: 'rename'; readonly from: string; readonly to: string }
  | { readonly kind: 'delete'; readonly mailbox: string }
  | { readonly kind: 'subscribe'; readonly name: string; readonly on: boolean }
  /** What an identifier (an account, `anyone`, either with `-` in front for what it may not) may do with a mailbox; '' ends it. */
  | { readonly kind: 'acl'; readonly mailbox: string; readonly identifier: string; readonly rights: string }
  /** Of a mailbox, or of the account itself (null). A value of null takes it away. */
  | { readonly kind: 'annotate'; readonly mailbox: string | null; readonly user: string | null; readonly name: string; readonly value: Uint8Array | null }
  | SettleChange
  /** The log begins here, made anew from blobs (rebuild.ts): nobody who knows the one before may go on. */
  | { readonly kind: 'begin'; readonly lastUidValidity: number }
  /** Content of messages that left the account before this time is given up. */
  | { readonly kind: 'sweep'; readonly before: number }
  /** The account is deleted: nothing follows, and what stood before may be gone. */
  | { readonly kind: 'end' }

export interface Entry {
  /** ms; the only time the fold knows. */
  readonly at: number
  readonly writer: string
  readonly changes: readonly Change[]
  /** Of the mailboxes that the changes name by their ids, as they were then. */
  readonly mailboxes?: readonly MailboxName[]
  /** The first entry that this one stands for; absent for itself alone. */
  readonly first?: number
}

export interface MailboxName {
  readonly id: string
  readonly name: string
  readonly use: string | null
}

/** An entry that this program cannot read, by its damage or by its age. */
export class EntryFormatError extends Error {
  override readonly name = 'EntryFormatError'
  readonly sequence: number

  constructor(sequence: number, what: string, options?: ErrorOptions) {
    super(`entry ${sequence} of the account log: ${what}`, options)
    this.sequence = sequence
  }
}

type Kind = Change['kind']
type ChangeOf<K extends Kind> = Extract<Change, { kind: K }>
interface Codec<K extends Kind> {
  encode(change: ChangeOf<K>): unknown[]
  /** Takes the fields in the order in which `encode` gave them. */
  decode(fields: Fields): Omit<ChangeOf<K>, 'kind'>
}

const flagActions: readonly FlagAction[] = ['add', 'remove', 'replace']
const outcomes: readonly OutcomeChange['outcome'][] = ['delivered', 'deferred', 'bounced']
const codecNames: readonly BlobRef['codec'][] = ['identity', 'zstd']

const codecs: { readonly [K in Kind]: Codec<K> } = {
  'file': {
    encode: (c) => [c.mailbox, c.flags, c.internalDate, c.sizeBytes, c.deliveryId, encodeRef(c.blob), c.hash, encodeMetadata(c.metadata), c.uid ?? null, c.envelope?.from ?? null, c.envelope?.to ?? null, ...(c.restores === undefined ? [] : [[c.restores.sequence, c.restores.index]])],
    decode: (fields) => ({
      mailbox: fields.text(), flags: fields.texts(), internalDate: fields.number(), sizeBytes: fields.number(), deliveryId: fields.textOrNull(),
      blob: decodeRef(fields.list()), hash: fields.bytes(), metadata: decodeMetadata(fields.any()), ...decodeFiled(fields),
    }),
  },
  'submit': {
    encode: (c) => [c.queueId, c.messageId, c.from, c.recipients, c.sizeBytes],
    decode: (fields) => ({ queueId: fields.text(), messageId: fields.textOrNull(), from: fields.text(), recipients: fields.texts(), sizeBytes: fields.number() }),
  },
  'outcome': {
    encode: (c) => [c.outcome, c.key, c.queueId, c.messageId, c.from, c.recipients, c.host, c.reply, c.code, c.enhancedCode, c.attempt, c.nextAt],
    decode: (fields) => ({
      outcome: fields.oneOf(outcomes), key: fields.text(), queueId: fields.text(), messageId: fields.textOrNull(), from: fields.text(), recipients: fields.texts(), host: fields.textOrNull(),
      reply: fields.text(), code: fields.numberOrNull(), enhancedCode: fields.text(), attempt: fields.number(), nextAt: fields.numberOrNull(),
    }),
  },
  'flags': {
    encode: (c) => [c.mailbox, encodeRuns(c.uids), c.action, c.flags],
    decode: (fields) => ({ mailbox: fields.text(), uids: decodeRuns(fields.bytes()), action: fields.oneOf(flagActions), flags: fields.texts() }),
  },
  'copy': {
    encode: (c) => [c.from, c.to, encodeRuns(c.uids)],
    decode: (fields) => ({ from: fields.text(), to: fields.text(), uids: decodeRuns(fields.bytes()) }),
  },
  'move': {
    encode: (c) => [c.from, c.to, encodeRuns(c.uids)],
    decode: (fields) => ({ from: fields.text(), to: fields.text(), uids: decodeRuns(fields.bytes()) }),
  },
  'expunge': {
    encode: (c) => [c.mailbox, encodeRuns(c.uids)],
    decode: (fields) => ({ mailbox: fields.text(), uids: decodeRuns(fields.bytes()) }),
  },
  'create': {
    encode: (c) => [c.name, c.specialUse],
    decode: (fields) => ({ name: fields.text(), specialUse: fields.textOrNull() }),
  },
  'rename': {
    encode: (c) => [c.from, c.to],
    decode: (fields) => ({ from: fields.text(), to: fields.text() }),
  },
  'delete': {
    encode: (c) => [c.mailbox],
    decode: (fields) => ({ mailbox: fields.text() }),
  },
  'subscribe': {
    encode: (c) => [c.name, c.on],
    decode: (fields) => ({ name: fields.text(), on: fields.boolean() }),
  },
  'acl': {
    encode: (c) => [c.mailbox, c.identifier, c.rights],
    decode: (fields) => ({ mailbox: fields.text(), identifier: fields.text(), rights: fields.text() }),
  },
  'annotate': {
    encode: (c) => [c.mailbox, c.user, c.name, c.value],
    decode: (fields) => ({ mailbox: fields.textOrNull(), user: fields.textOrNull(), name: fields.text(), value: fields.bytesOrNull() }),
  },
  'settle': {
    encode: (c) => [c.since, c.spellings, c.mailboxes.map(encodeSettled)],
    decode: (fields) => ({ since: fields.number(), spellings: fields.texts(), mailboxes: fields.list().map(decodeSettled) }),
  },
  'begin': {
    encode: (c) => [c.lastUidValidity],
    decode: (fields) => ({ lastUidValidity: fields.number() }),
  },
  'sweep': {
    encode: (c) => [c.before],
    decode: (fields) => ({ before: fields.number() }),
  },
  'end': {
    encode: () => [],
    decode: () => ({}),
  },
}

export function endsLog({ changes }: Entry): boolean {
  return changes.some(({ kind }) => kind === 'end')
}

const packr = new Packr({ useRecords: false })

export function encodeEntry(entry: Entry): Uint8Array {
  const { mailboxes = [], first } = entry
  const names = mailboxes.length === 0 && first === undefined ? [] : [mailboxes.map(({ id, name, use }) => [id, name, use])]
  const version = first !== undefined || entry.changes.some((change) => change.kind === 'file' && change.restores !== undefined) ? entryVersion : plainVersion
  return packr.pack([version, entry.at, entry.writer, entry.changes.map(encodeChange), ...names, ...(first === undefined ? [] : [first])])
}

/** The same entry, standing for all from `first` on. Whatever else a newer program may have put into it stays. */
export function standingFor(bytes: Uint8Array, first: number): Uint8Array {
  const [, at, writer, changes, names = [], , ...rest] = packr.unpack(bytes) as readonly unknown[]
  return packr.pack([entryVersion, at, writer, changes, names, first, ...rest])
}

function encodeChange(change: Change): unknown[] {
  // The table's kind and the change's are the same, which the type of a table look-up cannot say.
  const codec = codecs[change.kind] as Codec<Kind>
  return [change.kind, ...codec.encode(change)]
}

/** Fields are views of `bytes`. @throws {EntryFormatError} */
export function decodeEntry(sequence: number, bytes: Uint8Array): Entry {
  let fields: unknown
  try {
    fields = packr.unpack(bytes)
  } catch (error) {
    throw new EntryFormatError(sequence, `its octets cannot be read: ${String(error)}`, { cause: error })
  }
  if (!Array.isArray(fields)) throw new EntryFormatError(sequence, 'it is no list')
  const [version, at, writer, changes, names, first] = fields as unknown[]
  if (version !== entryVersion && version !== plainVersion) throw new EntryFormatError(sequence, `it has version ${String(version)}, this program reads versions up to ${entryVersion}; a newer program wrote it`)
  if (typeof at !== 'number' || typeof writer !== 'string' || !Array.isArray(changes)) throw new EntryFormatError(sequence, 'its time, writer or changes are damaged')
  return { at, writer, changes: changes.map((change) => decodeChange(sequence, change)), ...(Array.isArray(names) ? { mailboxes: names.map((packed) => decodeName(sequence, packed)) } : {}), ...(typeof first === 'number' ? { first } : {}) }
}

function decodeName(sequence: number, packed: unknown): MailboxName {
  try {
    const fields = new Fields(new Fields([packed]).list())
    return { id: fields.text(), name: fields.text(), use: fields.textOrNull() }
  } catch (error) {
    throw new EntryFormatError(sequence, `the name of a mailbox is damaged: ${String(error)}`, { cause: error })
  }
}

function decodeFiled(fields: Fields): Pick<FileChange, 'uid' | 'envelope' | 'restores'> {
  if (!fields.more) return {}
  const uid = fields.numberOrNull()
  const from = fields.textOrNull()
  const to = fields.textOrNull()
  const restores = fields.more ? decodeOrigin(fields.any()) : undefined
  return { ...(uid === null ? {} : { uid }), ...(from === null || to === null ? {} : { envelope: { from, to } }), ...(restores === undefined ? {} : { restores }) }
}

function decodeOrigin(packed: unknown): Origin | undefined {
  if (packed === null) return undefined
  const fields = new Fields(new Fields([packed]).list())
  return { sequence: fields.number(), index: fields.number() }
}

function encodeSettled({ mailbox, highestModSeq, keywords, messages }: SettledMailbox): unknown[] {
  return [mailbox, highestModSeq, keywords, messages.map(({ flags, modSeq, uids }) => [flags, modSeq, encodeRuns(uids)])]
}

function decodeSettled(packed: unknown): SettledMailbox {
  const fields = new Fields(new Fields([packed]).list())
  const messages = (list: readonly unknown[]): SettledMailbox['messages'] =>
    list.map((one) => {
      const of = new Fields(new Fields([one]).list())
      return { flags: of.texts(), modSeq: of.number(), uids: decodeRuns(of.bytes()) }
    })
  return { mailbox: fields.text(), highestModSeq: fields.number(), keywords: fields.texts(), messages: messages(fields.list()) }
}

/** Where `metadata` stands in a packed filing, its kind included. */
const metadataPlace = 8

/**
 * The same entry without the metadata of those filings. Whatever else a newer program may have put into it stays.
 * @throws {EntryFormatError} when one of them is no filing
 */
export function withoutMetadata(sequence: number, bytes: Uint8Array, indexes: readonly number[]): Uint8Array {
  const { changes } = decodeEntry(sequence, bytes)
  const packed = packr.unpack(bytes) as readonly [unknown, unknown, unknown, readonly unknown[][]]
  for (const index of indexes) {
    const filing = packed[3][index]
    if (changes[index]?.kind !== 'file' || filing === undefined) throw new EntryFormatError(sequence, `its change ${index} files no message`)
    filing[metadataPlace] = null
  }
  return packr.pack(packed)
}

function decodeChange(sequence: number, packed: unknown): Change {
  if (!Array.isArray(packed)) throw new EntryFormatError(sequence, 'one of its changes is no list')
  const [kind, ...fields] = packed as unknown[]
  if (typeof kind !== 'string' || !Object.hasOwn(codecs, kind)) throw new EntryFormatError(sequence, `it holds a change of the unknown kind ${String(kind)} (version ${entryVersion}); a newer program wrote it`)
  try {
    // The codec of a kind gives that kind's fields, which the type of a table look-up cannot say.
    return { kind, ...codecs[kind as Kind].decode(new Fields(fields)) } as Change
  } catch (error) {
    throw new EntryFormatError(sequence, `its change of kind ${kind} is damaged: ${String(error)}`, { cause: error })
  }
}

type PackedRef = readonly [string, number, number, BlobRef['codec'], number]

function encodeRef({ key, offset, length, codec, sizeBytes }: BlobRef): PackedRef {
  return [key, offset, length, codec, sizeBytes]
}

function decodeRef(list: readonly unknown[]): BlobRef {
  const fields = new Fields(list)
  return { key: fields.text(), offset: fields.number(), length: fields.number(), codec: fields.oneOf(codecNames), sizeBytes: fields.number() }
}

function encodeMetadata(metadata: StoredMetadata): unknown {
  if (metadata === null) return null
  return 'blob' in metadata ? encodeRef(metadata.blob) : metadata.codec === 'identity' ? metadata.inline : [metadata.inline]
}

/** Plain octets are not compressed; a list of one is; a list of more is a reference. */
function decodeMetadata(packed: unknown): StoredMetadata {
  if (packed === null) return null
  if (packed instanceof Uint8Array) return { inline: packed, codec: 'identity' }
  const fields = new Fields([packed]).list()
  return fields.length === 1 ? { inline: new Fields(fields).bytes(), codec: 'zstd' } : { blob: decodeRef(fields) }
}
