/** Dates of header fields: RFC 5322 §3.3 and the obsolete forms of §4.3. */

const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const minuteMs = 60_000

/** Hours east of Greenwich. RFC 5322 §4.3: any other name, and the military letters, mean -0000. */
const zones: Readonly<Record<string, number>> = { edt: -4, est: -5, cdt: -5, cst: -6, mdt: -6, mst: -7, pdt: -7, pst: -8 }

/** Day, month, year, hour, minute, second, zone. */
const usual = /^(?:[A-Za-z]+\.?\s*,?\s+|[A-Za-z]+,)?(\d{1,2})[\s-]+([A-Za-z]{3})[A-Za-z]*\.?[\s-]+(\d{2,4})\s+(\d{1,2})\s*[:.]\s*(\d{1,2})(?:\s*[:.]\s*(\d{1,2})(?:\.\d+)?)?\s*(.*)$/
/** `Thu Jan  2 15:04:05 [zone] 2006`, as C programs write it. */
const asctime = /^(?:[A-Za-z]+,?\s+)?([A-Za-z]{3})[a-z]*\s+(\d{1,2})\s+(\d{1,2}):(\d{2})(?::(\d{2}))?\s+(?:([A-Za-z]+|[+-]\d{4})\s+)?(\d{4})\s*(.*)$/

/** ms; undefined when it cannot be understood. */
export function parseDate(value: string): number | undefined {
  const text = (value.includes('(') ? withoutComments(value) : value).trim()
  if (text.length > 200) return undefined
  const found = usual.exec(text)
  if (found !== null) return timeOf(found[3], found[2], found[1], found[4], found[5], found[6], found[7])
  const old = asctime.exec(text)
  return old === null ? undefined : timeOf(old[7], old[1], old[2], old[3], old[4], old[5], old[6] ?? old[8])
}

function withoutComments(value: string): string {
  let text = ''
  let depth = 0
  for (const char of value) {
    if (char === '(') depth++
    else if (char === ')' && depth > 0) depth--
    else if (depth === 0) text += char
  }
  return text
}

function timeOf(year = '', monthName = '', day = '', hour = '', minute = '', second = '0', zone = ''): number | undefined {
  const month = months.indexOf(monthName.toLowerCase())
  const [d, h, m, s] = [Number(day), Number(hour), Number(minute), Number(second)]
  if (month < 0 || d < 1 || h > 24 || m > 59 || s > 60) return undefined
  const y = fullYear(year)
  const at = new Date(0)
  at.setUTCFullYear(y, month, d)
  if (at.getUTCMonth() !== month) return undefined
  return at.getTime() + (h * 60 + m - offsetOf(zone)) * minuteMs + s * 1000
}

/** RFC 5322 §4.3 */
function fullYear(year: string): number {
  const number = Number(year)
  if (year.length === 2) return number + (number < 50 ? 2000 : 1900)
  return year.length === 3 ? number + 1900 : number
}

/** Minutes east of Greenwich. */
function offsetOf(zone: string): number {
  const found = /^(?:(?:GMT|UTC?)\s*)?([+-])(\d{1,2}):?(\d{2})/i.exec(zone)
  if (found !== null) return (found[1] === '-' ? -1 : 1) * (Number(found[2]) * 60 + Number(found[3]))
  return (zones[/^[A-Za-z]*/.exec(zone)?.[0].toLowerCase() ?? ''] ?? 0) * 60
}
