/** Dates of commands and responses: date-time and date of RFC 9051 §9. Times are ms since 1970, days are days since then. */
import type { Lexer } from './lexer.ts'
import { bad } from './refusal.ts'

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'] as const
export const dayMs = 86_400_000

const dateTime = /^([ \d]\d)-([A-Za-z]{3})-(\d{4}) (\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)$/
const plainDate = /^(\d{1,2})-([A-Za-z]{3})-(\d{4})$/

function monthOf(name: string): number {
  const month = months.findIndex((one) => one.toUpperCase() === name.toUpperCase())
  if (month < 0) throw bad('A date has an unknown month')
  return month
}

/** The day, or a refusal for the likes of 31-Feb. */
function dayOf(year: number, month: number, day: number): number {
  const at = new Date(0)
  at.setUTCFullYear(year, month, day)
  if (at.getUTCMonth() !== month || at.getUTCDate() !== day) throw bad('A date does not exist')
  return at.getTime() / dayMs
}

/** `"01-Jan-2026 12:00:00 +0100"` */
export function parseDateTime(lexer: Lexer): number {
  const found = dateTime.exec(lexer.string('a date and time'))
  if (found === null) throw bad('Expected a date and time like "01-Jan-2026 12:00:00 +0100"')
  const [, day = '', month = '', year = '', hour = '', minute = '', second = '', sign, zoneHours = '', zoneMinutes = ''] = found
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 60 || Number(zoneMinutes) > 59) throw bad('A time does not exist')
  const zone = (Number(zoneHours) * 60 + Number(zoneMinutes)) * (sign === '-' ? -1 : 1)
  const minutes = Number(hour) * 60 + Number(minute) - zone
  return dayOf(Number(year), monthOf(month), Number(day)) * dayMs + minutes * 60_000 + Number(second) * 1000
}

/** `1-Feb-1994`, quoted or not, as a day. */
export function parseDay(lexer: Lexer): number {
  const found = plainDate.exec(lexer.astring('a date'))
  if (found === null) throw bad('Expected a date like 1-Feb-1994')
  return dayOf(Number(found[3]), monthOf(found[2] ?? ''), Number(found[1]))
}

const pad = (value: number) => (value < 10 ? `0${value}` : String(value))

/** The calendar part is the same for all messages of a day: lists are long and days few. */
let lastDay = NaN
let lastDayText = ''

/** INTERNALDATE, always in UTC: `"01-Jan-2026 12:00:00 +0000"`. */
export function writeDateTime(timeMs: number): string {
  const day = Math.floor(timeMs / dayMs)
  if (day !== lastDay) {
    const date = new Date(day * dayMs)
    lastDayText = `${pad(date.getUTCDate())}-${months[date.getUTCMonth()] ?? ''}-${String(date.getUTCFullYear()).padStart(4, '0')}`
    lastDay = day
  }
  const seconds = Math.floor((timeMs - day * dayMs) / 1000)
  return `"${lastDayText} ${pad(Math.floor(seconds / 3600))}:${pad(Math.floor(seconds / 60) % 60)}:${pad(seconds % 60)} +0000"`
}
