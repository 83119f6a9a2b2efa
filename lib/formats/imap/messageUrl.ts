/** The URL of a message or a part of it on this server: RFC 5092 §7 and §11, an absolute path without scheme and host. */
import { Lexer } from './lexer.ts'
import { decodeMailboxName } from './mailboxName.ts'
import { ImapRefusal } from './refusal.ts'
import type { Partial, Section } from './section.ts'
import { parseSection } from './section.ts'

export interface MessageUrl {
  readonly mailbox: string
  readonly uidValidity: number | undefined
  readonly uid: number
  /** Undefined: the whole message. */
  readonly section: Section | undefined
  readonly partial: Partial | undefined
}

const form = /^\/([^;?#]+?)(?:;UIDVALIDITY=([1-9]\d{0,9}))?\/?;UID=([1-9]\d{0,9})(?:\/?;SECTION=([^;?#]+?))?(?:\/?;PARTIAL=(\d{1,15})(?:\.([1-9]\d{0,14}))?)?$/i

/** Undefined for anything else. */
export function parseMessageUrl(url: string): MessageUrl | undefined {
  const found = form.exec(url)
  const name = found?.[1] === undefined ? undefined : percentDecoded(found[1])
  if (found === null || name === undefined) return undefined
  const [, , validity, uid, coded, offset, length] = found
  try {
    return {
      mailbox: decodeMailboxName(name, 'utf8'),
      uidValidity: validity === undefined ? undefined : Number(validity),
      uid: Number(uid),
      section: coded === undefined ? undefined : sectionOf(coded),
      partial: offset === undefined ? undefined : { offset: Number(offset), length: length === undefined ? Infinity : Number(length) },
    }
  } catch (error) {
    if (error instanceof ImapRefusal) return undefined
    throw error
  }
}

function sectionOf(coded: string): Section {
  const lexer = new Lexer(`[${percentDecoded(coded) ?? ']'}]`)
  const section = parseSection(lexer)
  lexer.end()
  return section
}

/** As octets; undefined when it is not UTF-8 behind its percent signs. */
function percentDecoded(text: string): string | undefined {
  try {
    return Buffer.from(decodeURIComponent(text), 'utf8').toString('latin1')
  } catch {
    return undefined
  }
}
