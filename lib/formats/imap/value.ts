/** Nested values as parenthesised lists: ENVELOPE and BODYSTRUCTURE (RFC 9051 §7.5.2). */
import { writeString } from './write.ts'

/** Strings are octet strings; a list is written in parentheses. */
export type ResponseValue = string | number | null | readonly ResponseValue[]

export function writeValue(value: ResponseValue): string {
  if (value === null) return 'NIL'
  if (typeof value === 'string') return writeString(value)
  if (typeof value === 'number') return String(value)
  let text = '('
  let at = 0
  // The bodies of a multipart and the addresses of a list, and nothing else, stand first without spaces between (RFC 9051 §9).
  for (; at < value.length && Array.isArray(value[at]); at++) text += writeValue(value[at] ?? null)
  for (; at < value.length; at++) text += (at === 0 ? '' : ' ') + writeValue(value[at] ?? null)
  return `${text})`
}
