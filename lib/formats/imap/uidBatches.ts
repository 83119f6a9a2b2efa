/** UIDBATCHES: RFC 10022 §3. */
import type { Lexer } from './lexer.ts'
import { bad } from './refusal.ts'
import type { SequenceRange } from './sequenceSet.ts'
import { writeString } from './write.ts'

export interface UidBatches {
  /** Messages in a batch. */
  readonly size: number
  /** Which batches, counted from that of the newest messages; undefined: all. */
  readonly range: SequenceRange | undefined
}

export function parseUidBatches(lexer: Lexer): UidBatches {
  lexer.space()
  const size = lexer.nzNumber('a batch size')
  const range = lexer.skip(' ') ? parseRange(lexer) : undefined
  lexer.end()
  return { size, range }
}

function parseRange(lexer: Lexer): SequenceRange {
  const first = lexer.nzNumber('a batch number')
  lexer.expect(':')
  const last = lexer.nzNumber('a batch number')
  if (last < first) throw bad('The first batch stands before the last', 'CLIENTBUG')
  return [first, last]
}

/** `batches` as highest and lowest UID, the newest first. */
export function writeUidBatches(tag: string, batches: readonly SequenceRange[]): string {
  const list = batches.map(([high, low]) => `${high}:${low}`).join(',')
  return `* UIDBATCHES (TAG ${writeString(tag)})${list === '' ? '' : ` ${list}`}\r\n`
}
