/**
 * A message as a part of an mbox file, in the reversible form: https://www.qmail.org/man/man5/mbox.html ("mboxrd").
 *
 * Invariants: the only lines that begin with "From " are those before a message; a reader that takes one `>` from lines of the form
 * `>From ` has the message again; flags stand in Status, X-Status and X-Keywords, which mutt, Dovecot and others read, and no
 * message brings such fields of its own along. Memory is bounded by the chunks and by a field's name.
 */
import { toUnixLines } from '#lib/formats/message/unixLines.ts'

export interface MboxMessage {
  /** When it came, ms. */
  readonly internalDate: number
  readonly flags: readonly string[]
  /** With CRLF line ends. */
  readonly content: AsyncIterable<Uint8Array>
}

const LF = 10
/** A line that is longer is passed on in pieces: what it begins with is known by then. */
const lineBytes = 2048
const ourFields = /^(?:status|x-status|x-keywords|content-length)[ \t]*:/i
const fromLine = /^>*From /

export async function* mboxMessage({ internalDate, flags, content }: MboxMessage): AsyncGenerator<Uint8Array> {
  yield Buffer.from(`From MAILER-DAEMON ${asctime(internalDate)}\n`)
  const state: Place = { inHeader: true, startsLine: true, dropping: false, endsLine: true }
  for await (const lines of pieces(toUnixLines(content))) {
    const made = lines.flatMap((piece) => write(state, piece, flags))
    if (made.length > 0) yield Buffer.concat(made)
  }
  if (!state.endsLine) yield newline
  if (state.inHeader) yield Buffer.concat([statusFields(flags), newline])
  yield newline
}

const newline = Buffer.from('\n')

interface Place {
  inHeader: boolean
  /** The next piece begins a line. */
  startsLine: boolean
  /** This line, and those that continue it, are left out. */
  dropping: boolean
  /** What was written last ended a line. */
  endsLine: boolean
}

/** A line, or the next part of a long one. */
function write(state: Place, piece: Buffer, flags: readonly string[]): Buffer[] {
  const begins = state.startsLine
  state.startsLine = piece.at(-1) === LF
  const made: Buffer[] = []
  if (begins && state.inHeader) {
    if (piece.length === 1 && piece[0] === LF) {
      state.inHeader = false
      state.dropping = false
      made.push(statusFields(flags))
    } else if (!/^[ \t]/.test(head(piece))) state.dropping = ourFields.test(head(piece))
  }
  if (state.dropping) return made
  if (begins && fromLine.test(head(piece))) made.push(Buffer.from('>'))
  state.endsLine = state.startsLine
  made.push(piece)
  return made
}

const head = (piece: Buffer): string => piece.toString('latin1', 0, lineBytes)

/** Whole lines, each in one piece as long as they are short. */
async function* pieces(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer[]> {
  let rest: Buffer = Buffer.alloc(0)
  // Of a long line the beginning is gone already, so that the next part need not wait.
  let within = false
  for await (const chunk of chunks) {
    const octets = rest.length === 0 ? Buffer.from(chunk) : Buffer.concat([rest, chunk])
    const found: Buffer[] = []
    let from = 0
    for (let end = octets.indexOf(LF); end >= 0; end = octets.indexOf(LF, from)) {
      found.push(octets.subarray(from, end + 1))
      from = end + 1
      within = false
    }
    rest = octets.subarray(from)
    if (rest.length > 0 && (within || rest.length >= lineBytes)) {
      found.push(rest)
      rest = Buffer.alloc(0)
      within = true
    }
    yield found
  }
  if (rest.length > 0) yield [rest]
}

const statusLetters = { '\\Answered': 'A', '\\Flagged': 'F', '\\Draft': 'T', '\\Deleted': 'D' } as const

/** `O`: an old message, whose arrival was told of. */
function statusFields(flags: readonly string[]): Buffer {
  const marks = Object.entries(statusLetters).flatMap(([flag, letter]) => (flags.includes(flag) ? [letter] : []))
  const keywords = flags.filter((flag) => !flag.startsWith('\\'))
  const fields = [`Status: ${flags.includes('\\Seen') ? 'RO' : 'O'}`, ...(marks.length === 0 ? [] : [`X-Status: ${marks.join('')}`]), ...(keywords.length === 0 ? [] : [`X-Keywords: ${keywords.join(' ')}`])]
  return Buffer.from(fields.map((field) => `${field}\n`).join(''))
}

/** 24 characters, UTC, such as `Sat Jan  3 01:05:34 1996`. */
export function asctime(ms: number): string {
  const [day = '', date = '', month = '', year = '', time = ''] = new Date(ms).toUTCString().split(/,? /)
  return `${day} ${month} ${String(Number(date)).padStart(2)} ${time} ${year}`
}
