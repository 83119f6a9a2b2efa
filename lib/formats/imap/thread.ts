/** THREAD: RFC 5256 §3 and §4; REFS as draft-ietf-morg-inthread has it. */
import type { Lexer } from './lexer.ts'
import { bad } from './refusal.ts'
import { parseSearchProgram } from './search.ts'
import type { SearchLimits, SearchProgram } from './search.ts'

export const threadAlgorithms = ['ORDEREDSUBJECT', 'REFERENCES', 'REFS'] as const

export type ThreadAlgorithm = (typeof threadAlgorithms)[number]

export interface ThreadRequest extends SearchProgram {
  readonly algorithm: ThreadAlgorithm
}

/** A message and what answers it; number 0 for a message that is not there. */
export interface ThreadNode {
  readonly number: number
  readonly children: readonly ThreadNode[]
}

export function parseThread(lexer: Lexer, limits: SearchLimits): ThreadRequest {
  lexer.space()
  const word = lexer.word('a threading algorithm')
  const algorithm = threadAlgorithms.find((one) => one === word)
  if (algorithm === undefined) throw bad(`Unknown threading algorithm ${word}`)
  lexer.space()
  return { algorithm, ...parseSearchProgram(lexer, limits, 'charset') }
}

/** `(2)(3 6 (4 23)(44 7 96))`: numbers follow each other while there is one child, else each child is a list. */
export function writeThreads(roots: readonly ThreadNode[]): string {
  let text = ''
  for (const root of roots) text += root.children.length === 0 && root.number > 0 ? `(${root.number})` : `(${writeNode(root)})`
  return text
}

function writeNode(root: ThreadNode): string {
  const parts: string[] = []
  // A stack of its own: threads are as deep as their writers' patience.
  const open: Open[] = []
  let first = true
  for (let node: ThreadNode | undefined = root; node !== undefined; ) {
    const { number, children }: ThreadNode = node
    if (number > 0) {
      parts.push(first ? String(number) : ` ${number}`)
      first = false
    }
    if (children.length === 1) {
      node = children[0]
      continue
    }
    if (children.length > 1) {
      open.push({ children, at: 0 })
      if (!first) parts.push(' ')
    }
    node = nextOf(open, parts)
    first = true
  }
  return parts.join('')
}

interface Open {
  readonly children: readonly ThreadNode[]
  at: number
}

/** Ends the list of the child before, begins that of the next one. */
function nextOf(open: Open[], parts: string[]): ThreadNode | undefined {
  for (let top = open.at(-1); top !== undefined; top = open.at(-1)) {
    if (top.at > 0) parts.push(')')
    const child = top.children[top.at++]
    if (child !== undefined) {
      parts.push('(')
      return child
    }
    open.pop()
  }
  return undefined
}
