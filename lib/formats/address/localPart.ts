/** The part before the `@`: RFC 5321 §4.1.2, with UTF-8 as RFC 6531 §3.3 adds it. */

// RFC 5321 §4.5.3.1.1
const localPartBytes = 64

const atext = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~\\-\\u{a0}-\\u{10ffff}]"
const dotString = new RegExp(`^${atext}+(?:\\.${atext}+)*$`, 'u')
const quotedString = /^"((?:[\x20\x21\x23-\x5b\x5d-\x7e\u{a0}-\u{10ffff}]|\\[\x20-\x7e])+)"$/u
// Line and paragraph separators and lone surrogates are text for no mailbox.
const neverText = /[\u2028\u2029\p{Cs}]/u

/** What a local part means, its quoting undone; undefined when malformed or too long. Unicode comes out in NFC. */
export function parseLocalPart(text: string): string | undefined {
  if (neverText.test(text)) return undefined
  const bare = dotString.test(text) ? text : quotedString.exec(text)?.[1]?.replace(/\\(.)/gu, '$1')
  if (bare === undefined) return undefined
  const meaning = bare.normalize('NFC')
  return Buffer.byteLength(meaning) <= localPartBytes ? meaning : undefined
}

/** With the least quoting that RFC 5321 §4.1.2 asks for. */
export function formatLocalPart(meaning: string): string {
  return dotString.test(meaning) ? meaning : `"${meaning.replace(/["\\]/g, '\\$&')}"`
}

/** Local users' names do not differ by case. Lower case may leave NFC, so it is made anew. */
export function foldLocalPart(meaning: string): string {
  return meaning.toLowerCase().normalize('NFC')
}

/** `user+detail` (RFC 5233 §1) cut at the first separator; undefined when there is none, or nothing before it. */
export function splitDetail(meaning: string, separator: string): { user: string; detail: string } | undefined {
  const at = separator === '' ? -1 : meaning.indexOf(separator)
  return at < 1 ? undefined : { user: meaning.slice(0, at), detail: meaning.slice(at + separator.length) }
}
