/**
 * Mail in transit: what stands in the notes of the queues.
 *
 * Invariants: a note is self-contained (envelope, client, content or where the content is); its queue id is given
 * once, when the message enters, and stays the same through every queue, log line and Received line.
 * Called by inbound and outbound; protocols never see a note.
 */
import { pack, unpack } from 'msgpackr'
import type { Verdict } from '#lib/formats/auth/verdict.ts'
import type { RecordedChange } from '#lib/mail/mailbox/record.ts'

/** Notes of another version stop with a clear error: an older program must not guess at a newer one's mail. */
const noteVersion = 1

/** '' is the null reverse path `<>` (RFC 5321 §4.5.5). */
export type ReversePath = string

export type NotifyOption = 'NEVER' | 'SUCCESS' | 'FAILURE' | 'DELAY'

/** DSN parameters of one recipient, RFC 3461 §4.1 and §4.2. */
export interface EnvelopeRecipient {
  readonly address: string
  readonly notify?: readonly NotifyOption[]
  /** As given, e.g. `rfc822;user@example.com`. */
  readonly orcpt?: string
}

export interface Envelope {
  readonly mailFrom: ReversePath
  readonly recipients: readonly EnvelopeRecipient[]
  readonly ret?: 'FULL' | 'HDRS'
  readonly envid?: string
  readonly smtpUtf8?: boolean
  readonly body?: '7BIT' | '8BITMIME' | 'BINARYMIME'
  /** RFC 8689 */
  readonly requireTls?: boolean
}

/** Who handed the message in. */
export interface ClientInfo {
  /** Textual IP address; absent for mail made here (bounces). */
  readonly address?: string
  readonly hello?: string
  readonly tls?: { readonly version: string; readonly cipher: string }
  /** Account that submitted it; its presence is what makes mail "ours". */
  readonly accountId?: string
  readonly login?: string
}

export type Codec = 'identity' | 'zstd'

/** A stretch of a blob. `length` is stored octets; `sizeBytes` is the message's size after decoding. */
export interface BlobRef {
  readonly key: string
  readonly offset: number
  readonly length: number
  readonly codec: Codec
  readonly sizeBytes: number
}

/** The message itself: inside the note when small, else in Blobs. Always CRLF line ends. */
export type Content = { readonly inline: Uint8Array; readonly codec: Codec; readonly sizeBytes: number } | { readonly blob: BlobRef }

export type DeliveryStatus = 'delivered' | 'relayed' | 'expanded' | 'deferred' | 'failed'

/** One value for a delivery's outcome, from the socket to the bounce. */
export interface Outcome {
  readonly status: DeliveryStatus
  /** RFC 3463, e.g. `5.1.1`. */
  readonly enhancedCode: string
  /** The remote host's whole reply, lines joined by LF; or our own words. */
  readonly reply: string
  /** SMTP reply code, when a remote host gave one. */
  readonly code?: number
  /** Name of the host that said so. */
  readonly host?: string
  readonly at: number
}

/** How far one recipient's delivery has come. */
export interface RecipientProgress extends EnvelopeRecipient {
  readonly last?: Outcome
}

/** Of mail that an account handed in. */
export interface Submission {
  /** Without brackets. */
  readonly messageId: string | null
  /** The account's log says that it was handed in. */
  readonly told: boolean
}

/** inbound: to be checked, then filed for local recipients. */
export interface InboundNote {
  readonly kind: 'inbound'
  readonly queueId: string
  readonly receivedAt: number
  readonly envelope: Envelope
  readonly client: ClientInfo
  readonly content: Content
  /** What the checks found while the client was connected; absent for mail that is not checked. */
  readonly verdict?: Verdict
  readonly submission?: Submission
}

/** outbound: to be looked up and split by destination. */
export interface OutboundNote {
  readonly kind: 'outbound'
  readonly queueId: string
  readonly receivedAt: number
  readonly envelope: Envelope
  readonly client: ClientInfo
  readonly content: Content
  /** Tries made so far. */
  readonly attempts: number
  readonly recipients: readonly RecipientProgress[]
  /** When the sender was warned of the delay. */
  readonly warnedAt?: number
  /** No report may be sent: nothing proves that the sender wrote this (no SPF or DKIM pass), so a bounce could hit a stranger. */
  readonly silent?: boolean
  readonly submission?: Submission
}

/** A host to try, in order. */
export interface Destination {
  /** Groups deliveries that may share a connection: the MX set, the smarthost or the literal. */
  readonly key: string
  readonly hosts: readonly { readonly name: string; readonly addresses: readonly string[]; readonly port: number }[]
  /** `smarthost` makes the deliverer look up TLS mode and credentials of the sender's domain. */
  readonly via: 'mx' | 'smarthost' | 'literal'
  readonly domain: string
}

/** delivery: one message for recipients that share a destination. */
export interface DeliveryNote extends Omit<OutboundNote, 'kind'> {
  readonly kind: 'delivery'
  readonly destination: Destination
}

/** Goes to the inbound queue: one note that shared a blob in transit is over (lib/mail/transit/lifetime.ts). */
export interface ReleaseNote {
  readonly kind: 'release'
  readonly queueId: string
  readonly blobKey: string
  readonly holder: string
}

/** Goes to the inbound queue: what could not be written into an account's log at once (lib/mail/events/record.ts). */
export interface RecordNote {
  readonly kind: 'record'
  readonly queueId: string
  readonly accountId: string
  readonly changes: readonly RecordedChange[]
}

export type TransitNote = InboundNote | OutboundNote | DeliveryNote | ReleaseNote | RecordNote

export class NoteFormatError extends Error {
  override readonly name = 'NoteFormatError'
}

export function encodeNote(note: TransitNote): Uint8Array {
  return pack([noteVersion, note])
}

/** @throws {NoteFormatError} for octets that are no note of this version and kind. */
export function decodeNote<K extends TransitNote['kind']>(bytes: Uint8Array, kind: K): Extract<TransitNote, { kind: K }> {
  const note = decodeAnyNote(bytes)
  if (note.kind !== kind) throw new NoteFormatError(`a note of kind ${note.kind} stands in the queue for ${kind}`)
  return note as Extract<TransitNote, { kind: K }>
}

/** @throws {NoteFormatError} */
export function decodeAnyNote(bytes: Uint8Array): TransitNote {
  let decoded: unknown
  try {
    decoded = unpack(bytes)
  } catch (error) {
    throw new NoteFormatError(`a note cannot be read: ${String(error)}`)
  }
  if (!Array.isArray(decoded) || decoded[0] !== noteVersion) throw new NoteFormatError(`a note has version ${String(Array.isArray(decoded) ? decoded[0] : 'none')}, this program reads version ${noteVersion}`)
  return decoded[1] as TransitNote
}
