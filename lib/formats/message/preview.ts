/** The first words of a message (RFC 8970 §3.1), gathered while it passes by. */
import { decodeText } from './decode.ts'
import { htmlText } from './html.ts'
import type { Input } from './input.ts'
import type { PartDraft } from './part.ts'

/** Characters; RFC 8970 §3.1 allows 256 and suggests 200. */
const previewLength = 200
/** Octets of a part that are looked at. HTML begins with style. */
const plainBytes = 2048
const htmlBytes = 24 * 1024

interface Beginning {
  readonly part: PartDraft
  readonly pieces: Buffer[]
  readonly limitBytes: number
  sizeBytes: number
}

/** Keeps the beginnings of the first plain text that says something, and of the first HTML until there is one. */
export class PreviewReader {
  #plain: Beginning | undefined
  #html: Beginning | undefined
  #current: Beginning | undefined

  /** A text part's body begins. */
  begin(part: PartDraft): void {
    if (part.disposition?.type.toLowerCase() === 'attachment') return
    const html = part.subtype === 'html'
    if ((this.#plain !== undefined && hasWords(this.#plain)) || (html && this.#html !== undefined)) return
    this.#current = { part, pieces: [], limitBytes: html ? htmlBytes : plainBytes, sizeBytes: 0 }
    if (html) this.#html = this.#current
    else this.#plain = this.#current
  }

  /** Keeps what there is of the part up to this place. */
  take(input: Input, until: number): void {
    const current = this.#current
    if (current === undefined) return
    const from = current.part.bodyStart + current.sizeBytes
    const to = Math.min(until, current.part.bodyStart + current.limitBytes)
    if (to <= from) return
    current.pieces.push(Buffer.from(input.slice(from, to)))
    current.sizeBytes += to - from
  }

  /** A part ended here. */
  end(part: PartDraft, input: Input, end: number): void {
    const current = this.#current
    if (current?.part !== part) return
    this.take(input, end)
    // A line end that turned out to be the boundary's.
    const sizeBytes = end - part.bodyStart
    if (current.sizeBytes > sizeBytes) {
      const whole = Buffer.concat(current.pieces, sizeBytes)
      current.pieces.splice(0, Infinity, whole)
      current.sizeBytes = sizeBytes
    }
    this.#current = undefined
  }

  text(): string {
    const plain = this.#plain === undefined ? '' : firstWords(this.#plain)
    return plain !== '' || this.#html === undefined ? plain : firstWords(this.#html)
  }
}

function hasWords({ pieces }: Beginning): boolean {
  return pieces.some((piece) => piece.some((octet) => octet > 32))
}

function firstWords({ part, pieces, sizeBytes }: Beginning): string {
  const octets = pieces.length === 1 && pieces[0] !== undefined ? pieces[0] : Buffer.concat(pieces, sizeBytes)
  // Mostly a little is enough. What stands at its very end may be half of something.
  const glance = wordsOf(part, octets.subarray(0, part.subtype === 'html' ? 4096 : 512))
  return cut(glance.length >= previewLength + 20 ? glance : wordsOf(part, octets))
}

function wordsOf(part: PartDraft, octets: Buffer): string {
  const text = decodeText(part, octets)
  const words = squeeze(part.subtype === 'html' ? htmlText(text) : text)
  let end = words.length
  while (words.charAt(end - 1) === '\ufffd') end--
  return words.slice(0, end)
}

function squeeze(text: string): string {
  return text.slice(0, 4000).replaceAll(/[\s\p{Cc}\u200b-\u200f\ufeff\u00ad\u034f\u2007]+/gu, ' ').trim()
}

function cut(text: string): string {
  if (text.length <= previewLength) return text.toWellFormed()
  const end = text.charCodeAt(previewLength - 1)
  // Not between the halves of a character.
  return text.slice(0, end >= 0xd800 && end < 0xdc00 ? previewLength - 1 : previewLength).trimEnd().toWellFormed()
}
