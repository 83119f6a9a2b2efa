/** GETQUOTA and SETQUOTA with the responses of both: RFC 9208. */
import { utf8Text } from './lexer.ts'
import type { Lexer } from './lexer.ts'
import type { NameEncoding } from './mailboxName.ts'
import { writeMailbox } from './mailboxName.ts'
import { bad, no } from './refusal.ts'
import { writeAstring } from './write.ts'

/** RFC 9208 §5, in the order in which they are told. */
export const resources = ['STORAGE', 'MESSAGE', 'MAILBOX', 'ANNOTATION-STORAGE'] as const

export type Resource = (typeof resources)[number]

/** STORAGE and ANNOTATION-STORAGE are in units of 1024 octets. */
export interface QuotaUse {
  readonly resource: Resource
  readonly usage: number
  readonly limit: number
}

export function parseGetQuota(lexer: Lexer): string {
  lexer.space()
  const root = utf8Text(lexer.astring('a quota root'))
  lexer.end()
  return root
}

export function parseSetQuota(lexer: Lexer): { root: string; limits: ReadonlyMap<Resource, number> } {
  lexer.space()
  const root = utf8Text(lexer.astring('a quota root'))
  lexer.space()
  const limits = new Map<Resource, number>()
  lexer.list(() => {
    const word = lexer.word('a resource')
    const resource = resources.find((one) => one === word)
    // An extension's resource is well-formed, only nothing that is counted here.
    if (resource === undefined) throw no('There is no limit of this kind', 'CANNOT')
    if (limits.has(resource)) throw bad('A resource is named twice')
    lexer.space()
    limits.set(resource, lexer.number64('a limit'))
  }, true)
  lexer.end()
  return { root, limits }
}

export function writeQuota(root: string, uses: readonly QuotaUse[]): string {
  return `* QUOTA ${writeRoot(root)} (${uses.map(({ resource, usage, limit }) => `${resource} ${usage} ${limit}`).join(' ')})\r\n`
}

export function writeQuotaRoot(mailbox: string, roots: readonly string[], encoding: NameEncoding): string {
  return `* QUOTAROOT ${writeMailbox(mailbox, encoding)}${roots.map((root) => ` ${writeRoot(root)}`).join('')}\r\n`
}

function writeRoot(root: string): string {
  return writeAstring(Buffer.from(root, 'utf8').toString('latin1'))
}
