/** Where the sections of FETCH BODY[...] stand (RFC 9051 §6.4.5.1). */
import type { Part } from './part.ts'

interface OctetRange {
  readonly start: number
  readonly end: number
}

/**
 * `path` [] is the whole message. Undefined when there is no such part, or when HEADER or TEXT is asked of a part that is
 * no message.
 */
export function sectionRange(root: Part, path: readonly number[], what: 'ALL' | 'HEADER' | 'TEXT' | 'MIME'): OctetRange | undefined {
  if (path.length === 0) return messageRange(root, what)
  const part = findPart(root, path)
  if (part === undefined) return undefined
  if (what === 'ALL') return { start: part.bodyStart, end: part.bodyEnd }
  if (what === 'MIME') return { start: part.headerStart, end: part.bodyStart }
  return part.message === null ? undefined : messageRange(part.message.root, what)
}

function messageRange(root: Part, what: 'ALL' | 'HEADER' | 'TEXT' | 'MIME'): OctetRange {
  switch (what) {
    case 'ALL':
      return { start: root.headerStart, end: root.bodyEnd }
    case 'TEXT':
      return { start: root.bodyStart, end: root.bodyEnd }
    case 'HEADER':
    case 'MIME':
      return { start: root.headerStart, end: root.bodyStart }
  }
}

/** The part of this path in the message of `root`; undefined when there is none, or for the empty path. */
export function findPart(root: Part, path: readonly number[]): Part | undefined {
  let part: Part | undefined
  let message = root
  for (const number of path) {
    if (part !== undefined && part.type !== 'multipart') {
      // Numbers go on into the message inside; a part that is neither has nothing inside.
      if (part.message === null) return undefined
      message = part.message.root
      part = undefined
    }
    const around: Part = part ?? message
    // RFC 9051 §6.4.5.1: of a message that is no multipart, part 1 is its body.
    part = around.type === 'multipart' ? around.parts[number - 1] : number === 1 ? around : undefined
    if (part === undefined) return undefined
  }
  return part
}
