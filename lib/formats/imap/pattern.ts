/** Mailbox patterns of LIST: `*` matches anything, `%` anything within one level (RFC 9051 §6.3.9). */
import { hierarchySeparator } from './mailboxName.ts'

/** A matcher for one pattern; linear in memory, and its time is bounded by name times pattern. */
export function compilePattern(pattern: string): (name: string) => boolean {
  const simple = pattern.replaceAll(/[*%]+/g, (run) => (run.includes('*') ? '*' : '%'))
  const least = simple.replaceAll(/[*%]/g, '').length
  // INBOX alone is case-insensitive (RFC 9051 §5.1).
  return (name) => least <= name.length && (matches(simple, name) || (name === 'INBOX' && matches(simple.toUpperCase(), name)))
}

function matches(pattern: string, name: string): boolean {
  // reach[j]: pattern up to here matches the first j characters of the name.
  let reach = new Uint8Array(name.length + 1)
  reach[0] = 1
  for (const char of pattern) {
    const next = new Uint8Array(name.length + 1)
    if (char === '*' || char === '%') {
      for (let j = 0; j <= name.length; j++) {
        const grows = j > 0 && next[j - 1] === 1 && (char === '*' || name[j - 1] !== hierarchySeparator)
        next[j] = reach[j] === 1 || grows ? 1 : 0
      }
    } else {
      for (let j = 0, length = char.length; j + length <= name.length; j++) if (reach[j] === 1 && name.startsWith(char, j)) next[j + length] = 1
    }
    reach = next
  }
  return reach[name.length] === 1
}
