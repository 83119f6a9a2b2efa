/**
 * The name of a message in a Maildir: when it came, which message of which mailbox it is, and its flags.
 * https://cr.yp.to/proto/maildir.html; letters for keywords as Dovecot has them (https://doc.dovecot.org/, "Maildir").
 *
 * Invariant: what stands before the colon is the same whenever the same message is named, and differs from that of any
 * other message, so that a second export finds what the first has written.
 */
export interface NamedMessage {
  readonly uidValidity: number
  readonly uid: number
  /** ms */
  readonly internalDate: number
}

const letters: Readonly<Record<string, string>> = { '\\Draft': 'D', '\\Flagged': 'F', $Forwarded: 'P', '\\Answered': 'R', '\\Seen': 'S', '\\Deleted': 'T' }

/** Keywords that a Maildir has letters for. */
export const mostKeywords = 26

/** Those of the keywords that need a letter of their own, each in its place: the first one is `a`. */
export function letteredKeywords(keywords: readonly string[]): readonly string[] {
  return keywords.filter((keyword) => !Object.hasOwn(letters, keyword)).slice(0, mostKeywords)
}

/** The file that tells readers which keyword each letter is. */
export function keywordsFile(lettered: readonly string[]): string {
  return lettered.map((keyword, place) => `${place} ${keyword}\n`).join('')
}

/** What stands before the colon. */
export function baseName({ uidValidity, uid, internalDate }: NamedMessage): string {
  return `${Math.max(0, Math.floor(internalDate / 1000))}.V${uidValidity}U${uid}.pennypost`
}

/** The base name with its flags in the order that the format demands: by their letters. Flags without a letter are left out. */
export function messageName(base: string, flags: readonly string[], lettered: readonly string[]): string {
  const found = flags.map((flag) => letters[flag] ?? letterOf(lettered.indexOf(flag)))
  return `${base}:2,${found.sort().join('')}`
}

function letterOf(place: number): string {
  return place < 0 ? '' : String.fromCharCode('a'.charCodeAt(0) + place)
}

/** The base name of a message that was named here; undefined for every other file. */
export function baseOf(file: string): string | undefined {
  return /^(\d+\.V\d+U\d+\.pennypost)(?::2,[A-Za-z]*)?$/.exec(file)?.[1]
}
