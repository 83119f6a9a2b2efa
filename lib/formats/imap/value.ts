/** Nested values as parenthesised lists: ENVELOPE and BODYSTRUCTURE (RFC 9051 §7.5.2). */
import { writeString } from './write.ts'

/** Strings are octet strings; a list is written in parentheses. */
export type ResponseValue = string | number | null | readonly ResponseValue[]

export function writeValue(value: ResponseValue): string {
  if (typeof value === 'string') return writeString(value)
  if (value === null) return 'NIL'
  if (typeof value === 'number') return String(value)
  let text = '('
  let before = ''
  // The bodies of a multipart and the addresses of a list, and nothing else, stand first without spaces between (RFC 9051 §9).
  let first = true
  for (const one of value) {
    first &&= typeof one === 'object' && one !== null
    text += first ? writeValue(one) : before + writeValue(one)
    before = ' '
  }
  return `${text})`
}
