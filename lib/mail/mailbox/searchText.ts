/** What the text keys of SEARCH look at, folded so that case and the way of writing a character do not matter. */
import { dayMs } from '#lib/formats/imap/date.ts'
import { isAscii, utf8Text } from '#lib/formats/imap/lexer.ts'
import type { Address } from '#lib/formats/message/address.ts'
import { parseDate } from '#lib/formats/message/date.ts'
import { decodeEncodedWords } from '#lib/formats/message/decode.ts'
import type { Envelope } from '#lib/formats/message/structure.ts'

/** RFC 5051 in essence: without case, compatibility characters taken apart. A sigma is one wherever it stands, or a part of a word would not be found. */
export function foldText(text: string): string {
  return isAscii(text) ? text.toLowerCase() : text.normalize('NFKD').toLowerCase().replaceAll('ς', 'σ')
}

/** All addresses of a field as `Name <mailbox@host>`. */
export function addressText(addresses: readonly Address[] | null): string {
  if (addresses === null) return ''
  const texts = addresses.map(({ name, mailbox, host }) => {
    const address = utf8Text(host === null ? (mailbox ?? '') : `${mailbox ?? ''}@${host}`)
    return name === null ? address : `${decodeEncodedWords(name)} <${address}>`
  })
  return foldText(texts.join(', '))
}

export function subjectText({ subject }: Envelope): string {
  return subject === null ? '' : foldText(decodeEncodedWords(subject))
}

const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const written = /(\d{1,2})\s+([A-Za-z]{3})[A-Za-z]*\s+(\d{4})/

/** The day as the sender wrote it, whatever the zone (RFC 9051 §6.4.4: "disregarding time and timezone"). */
export function sentDay(date: string | null): number | undefined {
  if (date === null) return undefined
  const found = written.exec(date)
  const month = months.indexOf((found?.[2] ?? '').toLowerCase())
  if (found !== null && month >= 0) return Date.UTC(Number(found[3]), month, Number(found[1])) / dayMs
  const time = parseDate(date)
  return time === undefined ? undefined : Math.floor(time / dayMs)
}
