/**
 * Turns the parts of a BINARYMIME message (RFC 3030 §3) into base64, as a stream: what comes out has lines of text only.
 *
 * A part is rewritten when its Content-Transfer-Encoding is `binary`, and so is a header's claim of it on a multipart
 * (which then says `8bit`, RFC 2045 §6.4). Everything else passes through, with bare line ends made CR LF and NUL dropped.
 * Memory is bounded by the longest header block and one line.
 *
 * Legal paths: header -> body | encoded; body, encoded -> header (at a boundary) | end.
 */
import { SmtpRefusal } from './reply.ts'

const headerLimitBytes = 256 * 1024
/** A delimiter line is at most 2 + 70 + 2 octets and padding (RFC 2046 §5.1.1); no longer line is one. */
const delimiterLimitBytes = 200
/** Octets of base64 input gathered before they are put out: a multiple of 57, so that lines are full. */
const encodeBytes = 57 * 512

export async function* encodeBinaryParts(source: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  const walker = new Walker()
  for await (const chunk of source) {
    yield* walker.write(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength))
  }
  yield* walker.end()
}

class Walker {
  /** Octets not yet understood: an unfinished line. */
  #rest: Buffer = Buffer.alloc(0)
  #mode: 'header' | 'body' | 'encoded' = 'header'
  #header: Buffer[] = []
  #headerBytes = 0
  /** Open boundaries, the innermost last. */
  #boundaries: string[] = []
  /** In an encoded part: the line end before, which belongs to a boundary if one follows. */
  #heldEnd = ''
  #binary: Buffer[] = []
  #binaryBytes = 0
  /** The piece before ended inside a line, so the next one begins none. */
  #inLine = false

  #hold(octets: Buffer): void {
    if (octets.length === 0) return
    this.#binary.push(octets)
    this.#binaryBytes += octets.length
  }

  *write(chunk: Buffer): Iterable<Buffer> {
    let rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    for (let end = rest.indexOf(10); end !== -1; end = rest.indexOf(10)) {
      yield* this.#line(rest.subarray(0, end + 1))
      rest = rest.subarray(end + 1)
    }
    // A line too long for a delimiter is handed on in pieces. A CR at the end may be half a line end.
    if (rest.length > 64 * 1024 && this.#mode !== 'header') {
      const cut = rest.at(-1) === 13 ? rest.length - 1 : rest.length
      yield* this.#line(rest.subarray(0, cut))
      rest = rest.subarray(cut)
    }
    if (rest.length > headerLimitBytes) throw new SmtpRefusal(554, '5.6.0', 'A header is too long')
    this.#rest = rest
  }

  *end(): Iterable<Buffer> {
    const rest = this.#rest
    if (rest.length > 0) yield* this.#line(rest)
    if (this.#mode === 'header') yield* this.#header
    if (this.#mode === 'encoded') {
      this.#hold(Buffer.from(this.#heldEnd, 'latin1'))
      yield* this.#flush(true)
    } else if (rest.length > 0) yield Buffer.from('\r\n')
  }

  /** A line with its LF, or a piece of one. */
  *#line(line: Buffer): Iterable<Buffer> {
    const whole = line.at(-1) === 10
    const starts = !this.#inLine
    this.#inLine = !whole
    if (this.#mode === 'header') return void (yield* this.#headerLine(line))
    const delimiter = starts ? this.#delimiter(line) : undefined
    if (delimiter === undefined) return void (yield* this.#mode === 'encoded' ? this.#encodedLine(line) : [plainLine(line)])
    if (this.#mode === 'encoded') yield* this.#flush(true)
    this.#heldEnd = ''
    yield plainLine(line)
    this.#boundaries.length = delimiter.closes ? delimiter.depth : delimiter.depth + 1
    this.#mode = delimiter.closes ? 'body' : 'header'
  }

  #delimiter(line: Buffer): { depth: number; closes: boolean } | undefined {
    if (line[0] !== 45 || line[1] !== 45 || line.length > delimiterLimitBytes) return undefined
    const text = line.toString('latin1', 2).replace(/[ \t]*\r?\n?$/, '')
    for (let depth = this.#boundaries.length - 1; depth >= 0; depth--) {
      const boundary = this.#boundaries[depth]
      if (text === boundary) return { depth, closes: false }
      if (text === `${boundary}--`) return { depth, closes: true }
    }
    return undefined
  }

  *#headerLine(line: Buffer): Iterable<Buffer> {
    this.#header.push(plainLine(line))
    this.#headerBytes += line.length
    if (this.#headerBytes > headerLimitBytes) throw new SmtpRefusal(554, '5.6.0', 'A header is too long')
    if (line.length > 2 || !/^\r?\n$/.test(line.toString('latin1'))) return
    const header = Buffer.concat(this.#header).toString('latin1')
    this.#header = []
    this.#headerBytes = 0
    const boundary = boundaryOf(header)
    const binary = /^content-transfer-encoding:\s*binary\s*$/im.test(unfolded(header))
    // message/rfc822 may say `binary` too and may not be base64 (RFC 2046 §5.2.1): its own header is read as a part's.
    const message = /^content-type:\s*message\/(?:rfc822|global)\b/im.test(unfolded(header))
    if (boundary !== undefined) this.#boundaries.push(boundary)
    this.#mode = message ? 'header' : binary && boundary === undefined ? 'encoded' : 'body'
    yield Buffer.from(binary ? relabelled(header, this.#mode === 'encoded' ? 'base64' : '8bit') : header, 'latin1')
  }

  *#encodedLine(line: Buffer): Iterable<Buffer> {
    const end = /\r?\n$/.exec(line.toString('latin1', Math.max(0, line.length - 2)))?.[0] ?? ''
    this.#hold(Buffer.from(this.#heldEnd, 'latin1'))
    this.#hold(line.subarray(0, line.length - end.length))
    this.#heldEnd = end
    yield* this.#flush(false)
  }

  *#flush(all: boolean): Iterable<Buffer> {
    if (this.#binaryBytes === 0 || (!all && this.#binaryBytes < encodeBytes)) return
    const octets = Buffer.concat(this.#binary, this.#binaryBytes)
    const count = all ? octets.length : octets.length - (octets.length % 57)
    const lines = octets.toString('base64', 0, count).match(/.{1,76}/g) ?? []
    this.#binary = count === octets.length ? [] : [octets.subarray(count)]
    this.#binaryBytes = octets.length - count
    yield Buffer.from(lines.map((line) => `${line}\r\n`).join(''), 'latin1')
  }
}

/** Bare line ends made CR LF, NUL dropped; the same octets when there is nothing to do. */
function plainLine(line: Buffer): Buffer {
  const text = line.toString('latin1')
  return /[^\r]\n|^\n|\r(?!\n)|\0/.test(text) ? Buffer.from(text.replace(/\0/g, '').replace(/\r\n|\r|\n/g, '\r\n'), 'latin1') : line
}

function unfolded(header: string): string {
  return header.replace(/\r\n(?=[ \t])/g, '')
}

function boundaryOf(header: string): string | undefined {
  const type = /^content-type:\s*multipart\/[^\r\n]*/im.exec(unfolded(header))?.[0]
  if (type === undefined) return undefined
  const [, quoted, token] = /;\s*boundary\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]+))/i.exec(type) ?? []
  return quoted?.replace(/\\(.)/g, '$1') ?? token
}

function relabelled(header: string, encoding: string): string {
  return header.replace(/^(content-transfer-encoding:)(?:[^\r\n]|\r\n[ \t])*/im, `$1 ${encoding}`)
}
