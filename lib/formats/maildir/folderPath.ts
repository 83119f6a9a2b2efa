/**
 * Mailboxes as folders of a disk: a folder for each level, by the name that people gave it.
 *
 * Invariants: two mailboxes never share a path, not even on a disk that takes small and capital letters for the same; no
 * path leads out of where it begins, is hidden, or is one of a Maildir's own folders.
 */
import { createHash } from 'node:crypto'

/** Disks take 255 octets; endings such as `.mbox.part` come behind. */
const mostBytes = 200

/** `cur`, `new`, `tmp` and the list of keywords are the Maildir's own; the rest would be hidden or look like our own files. */
const special = /^(?:cur|new|tmp|dovecot-keywords|mailboxes\.json)$|^\.|\.(?:mbox|part)$/i

/** A path for each name, one text a level. Names are the account's own: `/` between levels. */
export function folderPaths(names: readonly string[]): ReadonlyMap<string, readonly string[]> {
  const paths = new Map<string, readonly string[]>()
  const taken = new Set<string>()
  // Sorted, so that the same names have the same paths each time.
  for (const name of names.toSorted()) {
    let path = name.split('/').map(segmentOf)
    for (let more = 0; taken.has(path.join('/').toLowerCase()); more++) path = [...path.slice(0, -1), distinguish(path.at(-1) ?? '', more)]
    taken.add(path.join('/').toLowerCase())
    paths.set(name, path)
  }
  return paths
}

function segmentOf(level: string): string {
  const plain = level.replaceAll(/[%\u0000-\u001f\u007f-\u009f\\:*?"<>|]/g, encode)
  return shorten(special.test(plain) || plain === '' ? encode(plain.slice(0, 1)) + plain.slice(1) : plain)
}

/** In octets of UTF-8, as in a URI. */
function encode(text: string): string {
  return Buffer.from(text === '' ? '\0' : text).reduce((encoded, octet) => `${encoded}%${octet.toString(16).toUpperCase().padStart(2, '0')}`, '')
}

/** A path that is there already but for its capitals gets something that is in no name. */
function distinguish(segment: string, more: number): string {
  return `${more === 0 ? segment : segment.replace(/%~\d+$/, '')}%~${more + 2}`
}

function shorten(segment: string): string {
  const bytes = Buffer.from(segment)
  if (bytes.length <= mostBytes) return segment
  const whole = createHash('sha256').update(segment).digest('hex').slice(0, 12)
  // A character that was cut in two decodes as U+FFFD.
  return `${bytes.subarray(0, mostBytes - 16).toString('utf8').replace(/\uFFFD+$/, '')}%~${whole}`
}
