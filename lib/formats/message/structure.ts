/**
 * Reads a message into its envelope, the tree of its parts with their places, and a preview: RFC 5322, RFC 2045, RFC 2046.
 *
 * Invariants: every message yields a tree, however broken; the outcome does not depend on how the octets were cut into
 * chunks; memory is bounded by the limits below, never by the message; parts nest inside their parents.
 *
 * Legal paths: header -> header (of the message inside) | body | surplus; surplus -> body; body -> boundary -> header | body.
 * A line that begins with the boundary of an open multipart ends everything inside that multipart, in every state.
 */
import { Boundaries } from './boundaries.ts'
import type { BoundaryMatch } from './boundaries.ts'
import { readEnvelope } from './envelope.ts'
import type { Threading } from './envelope.ts'
import { asBuffer, parseHeader } from './header.ts'
import type { HeaderField } from './header.ts'
import { Input } from './input.ts'
import { draftPart } from './part.ts'
import type { Envelope, Part, PartDraft } from './part.ts'
import { PreviewReader } from './preview.ts'

export type { Envelope, Part } from './part.ts'

export interface ParsedMessage {
  /** The header fields of the message itself. */
  readonly fields: readonly HeaderField[]
  readonly envelope: Envelope
  readonly root: Part
  /** The first words of the text, at most 200 characters; '' when there is none. */
  readonly preview: string
  /** Octets of the message's own header, the empty line included. */
  readonly headerBytes: number
  readonly sizeBytes: number
  readonly threading: Threading
}

/** Octets of a header that are read; what is beyond belongs to the header but is not looked at. */
const headerLimitBytes = 256 * 1024
/** The same for all inner headers together: parts whose headers come after that are told by their places only. */
const innerHeadersLimitBytes = 1024 * 1024
/** Parts inside each other; one that is deeper is not taken apart. */
const depthLimit = 100
const partLimit = 10_000
/** RFC 2046 §5.1.1 allows 70. */
const boundaryLimit = 200
/** Octets of a line that decide whether it is a boundary: `--`, the boundary, `--`. */
const lineHeadBytes = boundaryLimit + 4

const LF = 10
const CR = 13
const DASH = 45

/** For messages in memory. */
export function parseMessage(bytes: Uint8Array): ParsedMessage {
  const parser = new MessageParser()
  parser.write(bytes)
  return parser.end()
}

/** A part that has not ended. */
interface OpenPart {
  readonly part: PartDraft
  /** Of a multipart that may still get parts. */
  boundary: string | undefined
  /** Line ends of the message before its body. */
  readonly linesBefore: number
}

interface Top {
  readonly fields: readonly HeaderField[]
  readonly envelope: Envelope
  readonly threading: Threading
  readonly root: Part
}

type State = 'header' | 'surplus' | 'body'

/** For messages that pass by: `write` every chunk, then `end`. */
export class MessageParser {
  readonly #input = new Input()
  /** The next octet, counted from the beginning of the message. */
  #at = 0
  #state: State = 'header'
  #lineStart = true
  /** Inside a boundary's line, whose rest means nothing. */
  #skipping = false
  /** A part begins behind that line. */
  #partNext = false
  #lines = 0
  #headerStart = 0
  #surplusFields: readonly HeaderField[] = []
  #innerHeaderBytes = 0
  #partCount = 0
  readonly #open: OpenPart[] = []
  readonly #boundaries = new Boundaries()
  readonly #preview = new PreviewReader()
  #top: Top | undefined

  write(chunk: Uint8Array): void {
    this.#input.add(asBuffer(chunk))
    this.#read(false)
    this.#preview.take(this.#input, this.#at)
    this.#input.drop(this.#state === 'header' ? this.#headerStart : this.#at)
  }

  /** What the octets written are. Nothing may be written after this. */
  end(): ParsedMessage {
    this.#read(true)
    const sizeBytes = this.#at
    // A boundary whose line has no end begins no part.
    this.#partNext = false
    this.#endHeaders(sizeBytes)
    while (this.#open.length > 0) this.#close(sizeBytes, this.#lines)
    const top = this.#top
    if (top === undefined) throw new Error('the header of a message was not read')
    return { ...top, preview: this.#preview.text(), headerBytes: top.root.bodyStart, sizeBytes }
  }

  #read(final: boolean): void {
    const { octets, base } = this.#input
    const n = octets.length
    let at = this.#at - base
    while (at < n) {
      if (this.#lineStart && !this.#skipping) {
        const head = this.#lineHead(octets, at, final)
        if (head === 'unknown') break
        this.#at = base + at
        if (head === 'empty') {
          at += octets[at] === LF ? 1 : 2
          this.#lines++
          this.#endHeader(base + at)
          continue
        }
        if (head !== 'plain') {
          this.#meetBoundary(head)
          continue
        }
      }
      at = this.#passLines(octets, at)
    }
    this.#at = base + at
    if (this.#state === 'header' && this.#at - this.#headerStart > headerLimitBytes) this.#cutHeader()
  }

  /** What the line that begins here is; `unknown` when that cannot be told yet. */
  #lineHead(octets: Buffer, at: number, final: boolean): 'plain' | 'empty' | 'unknown' | BoundaryMatch {
    const first = octets[at]
    if (first === DASH && !this.#boundaries.empty) {
      const limit = Math.min(octets.length, at + lineHeadBytes)
      const lineEnd = octets.subarray(at, limit).indexOf(LF)
      if (lineEnd < 0 && limit < at + lineHeadBytes && !final) return 'unknown'
      if (octets[at + 1] !== DASH) return 'plain'
      return this.#boundaries.match(octets, at + 2, lineEnd < 0 ? limit : at + lineEnd) ?? 'plain'
    }
    if (this.#state === 'body') return 'plain'
    if (first === LF) return 'empty'
    if (first !== CR) return 'plain'
    if (at + 1 === octets.length && !final) return 'unknown'
    return octets[at + 1] === LF ? 'empty' : 'plain'
  }

  /** Moves over the rest of this line, and over further lines of a body that cannot be boundaries. */
  #passLines(octets: Buffer, from: number): number {
    const n = octets.length
    const single = this.#state !== 'body' || this.#skipping
    const careful = !this.#boundaries.empty
    let lines = 0
    let at = from
    this.#lineStart = false
    while (at < n) {
      if (octets[at++] !== LF) continue
      lines++
      if (single || at === n || (careful && octets[at] === DASH)) {
        this.#lineStart = true
        break
      }
    }
    this.#lines += lines
    if (this.#lineStart && this.#skipping) this.#endSkipping(this.#input.base + at)
    return at
  }

  #endSkipping(at: number): void {
    this.#skipping = false
    if (this.#partNext) this.#startHeader(at)
    this.#partNext = false
  }

  // -------------------------------------------------------------- headers

  #startHeader(at: number): void {
    this.#state = 'header'
    this.#headerStart = at
    this.#lineStart = true
  }

  /** The header is longer than what is read of one. */
  #cutHeader(): void {
    this.#surplusFields = this.#headerFields(this.#headerStart + headerLimitBytes)
    this.#state = 'surplus'
  }

  #headerFields(end: number): readonly HeaderField[] {
    const until = Math.min(end, this.#headerStart + headerLimitBytes)
    if (this.#open.length > 0 && (this.#innerHeaderBytes += until - this.#headerStart) > innerHeadersLimitBytes) return []
    return parseHeader(this.#input.slice(this.#headerStart, until)).fields
  }

  #endHeader(bodyStart: number): void {
    const fields = this.#state === 'surplus' ? this.#surplusFields : this.#headerFields(bodyStart)
    const parent = this.#open.at(-1)?.part
    const part = draftPart(fields, this.#headerStart, bodyStart, parent?.type === 'multipart' && parent.subtype === 'digest')
    this.#partCount++
    if (parent === undefined) this.#top = { fields, root: part, ...readEnvelope(fields) }
    else if (parent.type === 'multipart') parent.parts.push(part)
    else parent.message = { envelope: readEnvelope(fields).envelope, root: part }
    const open: OpenPart = { part, boundary: undefined, linesBefore: this.#lines }
    this.#open.push(open)
    this.#state = 'body'
    this.#lineStart = true
    this.#descend(open)
  }

  /** Prepares for what is inside the part that begins. */
  #descend(open: OpenPart): void {
    const { part } = open
    if (part.type === 'text') this.#preview.begin(part)
    else if (this.#open.length >= depthLimit && (part.type === 'multipart' || part.type === 'message')) {
      // Not taken apart, so it must not look as if it had parts.
      part.type = 'application'
      part.subtype = 'octet-stream'
    } else if (part.type === 'multipart') {
      const boundary = part.parameters.find(([name]) => name.toLowerCase() === 'boundary')?.[1] ?? ''
      if (boundary === '') return
      open.boundary = boundary.slice(0, boundaryLimit)
      this.#boundaries.add(open.boundary, this.#open.length - 1)
    } else if (part.type === 'message' && (part.subtype === 'rfc822' || part.subtype === 'global')) this.#startHeader(part.bodyStart)
  }

  /** A header ends where the message or the multipart around it does. */
  #endHeaders(at: number): void {
    if (this.#partNext) this.#endSkipping(at)
    while (this.#state !== 'body') this.#endHeader(at)
  }

  // -------------------------------------------------------------- ends

  #meetBoundary({ depth, closing }: BoundaryMatch): void {
    const at = this.#at
    this.#endHeaders(at)
    // RFC 2046 §5.1.1: the line end before a boundary belongs to it, even where that is the header's empty line.
    const end = Math.max(at - this.#input.lineEndBytes(at), this.#innermost().headerStart)
    while (this.#open.length > depth + 1) this.#close(end, end < at ? this.#lines - 1 : this.#lines)
    const owner = this.#open[depth]
    this.#skipping = true
    this.#partNext = !closing && this.#partCount < partLimit
    if (!this.#partNext && owner !== undefined) this.#forget(owner)
  }

  /** The innermost part that began behind a boundary, or the message. */
  #innermost(): Part {
    let at = this.#open.length - 1
    while (at > 0 && this.#open[at - 1]?.part.type === 'message') at--
    const open = this.#open[at]
    if (open === undefined) throw new Error('no part is open')
    return open.part
  }

  #close(end: number, lines: number): void {
    const open = this.#open.pop()
    if (open === undefined) return
    const { part } = open
    part.headerStart = Math.min(part.headerStart, end)
    part.bodyStart = Math.min(part.bodyStart, end)
    part.bodyEnd = end
    part.lines = Math.max(lines - open.linesBefore, 0)
    // RFC 2046 §5.1: a multipart has one part at least. IMAP's grammar has no other.
    if (part.type === 'multipart' && part.parts.length === 0) part.parts.push(draftPart([], end, end, false))
    this.#preview.end(part, this.#input, end)
    this.#forget(open)
  }

  #forget(open: OpenPart): void {
    if (open.boundary !== undefined) this.#boundaries.remove(open.boundary)
    open.boundary = undefined
  }
}
