/** SELECT and EXAMINE with their parameters: RFC 9051 §6.3.2, RFC 7162 §3.1.8 and §3.2.5. */
import type { Lexer } from './lexer.ts'
import type { NameEncoding } from './mailboxName.ts'
import { parseMailbox } from './mailboxName.ts'
import { bad } from './refusal.ts'
import type { SequenceSet } from './sequenceSet.ts'
import { parseSequenceSet } from './sequenceSet.ts'

/** What a client knows of a mailbox that it opens again. */
export interface Resync {
  readonly uidValidity: number
  readonly modSeq: number
  /** Undefined: all there were. */
  readonly knownUids: SequenceSet | undefined
  /** Sequence numbers and their UIDs were given: a help for servers that forget what has vanished. */
  readonly matched: boolean
}

export interface Select {
  readonly name: string
  readonly condstore: boolean
  readonly resync: Resync | undefined
}

export function parseSelect(lexer: Lexer, encoding: NameEncoding): Select {
  lexer.space()
  const name = parseMailbox(lexer, encoding)
  let condstore = false
  let resync: Resync | undefined
  if (lexer.skip(' ')) {
    lexer.list(() => {
      const parameter = lexer.word('a parameter')
      if (parameter === 'CONDSTORE') condstore = true
      else if (parameter === 'QRESYNC') resync = parseResync(lexer)
      else throw bad(`Unknown parameter ${parameter}`)
    })
  }
  lexer.end()
  return { name, condstore, resync }
}

/** ` (UIDVALIDITY mod-sequence [UIDs] [(numbers UIDs)])` */
function parseResync(lexer: Lexer): Resync {
  lexer.space()
  lexer.expect('(')
  const uidValidity = lexer.nzNumber('a UIDVALIDITY')
  lexer.space()
  const modSeq = lexer.number64('a mod-sequence')
  if (modSeq === 0) throw bad('A mod-sequence is above zero')
  let knownUids: SequenceSet | undefined
  let matched = false
  let more = lexer.skip(' ')
  if (more && lexer.peek() !== '(') {
    knownUids = parseKnown(lexer)
    more = lexer.skip(' ')
  }
  if (more) {
    parseMatch(lexer)
    matched = true
  }
  lexer.expect(')')
  return { uidValidity, modSeq, knownUids, matched }
}

/** Every mod-sequence at which a UID has vanished is kept here, so the pairs can tell nothing more: they are only checked. */
function parseMatch(lexer: Lexer): void {
  lexer.expect('(')
  const numbers = parseKnown(lexer)
  lexer.space()
  const uids = parseKnown(lexer)
  lexer.expect(')')
  if (countOf(numbers) !== countOf(uids)) throw bad('There are not as many UIDs as sequence numbers')
}

/** RFC 7162 §3.2.5: neither `*` nor `$`. */
function parseKnown(lexer: Lexer): SequenceSet {
  const set = parseSequenceSet(lexer)
  if (set.saved || set.ranges.some(([a, b]) => a === Infinity || b === Infinity)) throw bad('Known messages are given by numbers')
  return set
}

function countOf({ ranges }: SequenceSet): number {
  return ranges.reduce((sum, [a, b]) => sum + Math.abs(b - a) + 1, 0)
}
