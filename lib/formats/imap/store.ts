/** STORE: RFC 9051 §6.4.6, UNCHANGEDSINCE of RFC 7162 §3.1.3. */
import { parseFlags } from './flags.ts'
import type { Lexer } from './lexer.ts'
import { bad } from './refusal.ts'
import type { SequenceSet } from './sequenceSet.ts'
import { parseSequenceSet } from './sequenceSet.ts'

export interface Store {
  readonly set: SequenceSet
  readonly action: 'add' | 'remove' | 'replace'
  /** .SILENT: the client knows the outcome unless told otherwise. */
  readonly silent: boolean
  readonly flags: readonly string[]
  readonly unchangedSince: number | undefined
}

const actions: Readonly<Record<string, Store['action']>> = { 'FLAGS': 'replace', '+FLAGS': 'add', '-FLAGS': 'remove' }

export function parseStore(lexer: Lexer): Store {
  lexer.space()
  const set = parseSequenceSet(lexer)
  lexer.space()
  const unchangedSince = lexer.peek() === '(' ? parseModifiers(lexer) : undefined
  const name = lexer.word('FLAGS, +FLAGS or -FLAGS')
  const silent = name.endsWith('.SILENT')
  const base = silent ? name.slice(0, -'.SILENT'.length) : name
  const action = Object.hasOwn(actions, base) ? actions[base] : undefined
  if (action === undefined) throw bad('Expected FLAGS, +FLAGS or -FLAGS')
  lexer.space()
  const flags = parseFlags(lexer)
  lexer.end()
  return { set, action, silent, flags, unchangedSince }
}

function parseModifiers(lexer: Lexer): number | undefined {
  let unchangedSince: number | undefined
  lexer.list(() => {
    const name = lexer.word('a STORE modifier')
    if (name !== 'UNCHANGEDSINCE') throw bad(`Unknown STORE modifier ${name}`)
    lexer.space()
    unchangedSince = lexer.number64('a mod-sequence')
  })
  lexer.space()
  return unchangedSince
}
