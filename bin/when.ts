/**
 * A time as people write it, read by the clock and in the time zone of this machine:
 *   2026-11-24, 2026-11-24 14:05, 2026-11-24T14:05:30+01:00 (ISO 8601)    a day alone is its first minute
 *   14:05, today 14:05, yesterday, yesterday 14:05, tuesday, tue 14:05    a day of the week is the last one, never today
 *   90 minutes ago, 2 hours ago, 3 days ago, 1 week ago, now
 */
import { InvalidArgumentError } from 'commander'

const unitMs: Readonly<Record<string, number>> = { second: 1000, minute: 60_000, hour: 3_600_000, day: 86_400_000, week: 604_800_000 }
const weekdays = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday']

/** ms. @throws {InvalidArgumentError} for what is no time, or one to come */
export function readTime(text: string, now: number): number {
  const words = text.trim().toLowerCase().replace(/\s+/g, ' ')
  const time = words === 'now' ? now : (readAgo(words, now) ?? readDay(words, now) ?? readIso(text.trim()))
  if (time === undefined || Number.isNaN(time)) throw new InvalidArgumentError('Times are written like "2026-11-24 14:05", "2026-11-24T14:05:00Z", "yesterday 14:05", "tuesday 9:00" or "2 hours ago".')
  if (time > now) throw new InvalidArgumentError(`${new Date(time).toISOString()} is still to come.`)
  return time
}

function readAgo(words: string, now: number): number | undefined {
  const [, count, unit] = /^(\d{1,6}|an?) (second|minute|hour|day|week)s? ago$/.exec(words) ?? []
  if (count === undefined || unit === undefined) return undefined
  return now - (count.startsWith('a') ? 1 : Number(count)) * (unitMs[unit] ?? NaN)
}

/** Days by the calendar: some have 23 or 25 hours. */
function readDay(words: string, now: number): number | undefined {
  const [, day, hour, minute, second = '0'] = /^(today|yesterday|[a-z]{3,9})?(?:(?:^| )(\d{1,2}):(\d\d)(?::(\d\d))?)?$/.exec(words) ?? []
  if ((day === undefined && hour === undefined) || Number(hour ?? 0) > 23 || Number(minute ?? 0) > 59 || Number(second) > 59) return undefined
  const back = day === undefined || day === 'today' ? 0 : day === 'yesterday' ? 1 : daysSince(day, new Date(now).getDay())
  if (back === undefined) return undefined
  const date = new Date(now)
  date.setDate(date.getDate() - back)
  date.setHours(Number(hour ?? 0), Number(minute ?? 0), Number(second), 0)
  return date.getTime()
}

function daysSince(word: string, today: number): number | undefined {
  const weekday = weekdays.findIndex((name) => name === word || (word.length <= 4 && name.startsWith(word)))
  return weekday < 0 ? undefined : ((today - weekday + 6) % 7) + 1
}

/** ISO 8601, with a space for the T too. Without an offset it is local time. */
function readIso(text: string): number | undefined {
  const [, date, time = '00:00', offset = ''] = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?)(Z|[+-]\d\d:?\d\d)?)?$/i.exec(text) ?? []
  if (date === undefined) return undefined
  const read = Date.parse(`${date}T${time}${offset.toUpperCase().replace(/^([+-]\d\d)(\d\d)$/, '$1:$2')}`)
  // Date.parse takes the 31st of February for a day of March.
  return Number(date.slice(8)) > new Date(Number(date.slice(0, 4)), Number(date.slice(5, 7)), 0).getDate() ? undefined : read
}
