/** UIDONLY: RFC 9586. Once it is on, messages are named by their UIDs alone. */
import { bad } from '#lib/formats/imap/refusal.ts'
import type { SearchKey } from '#lib/formats/imap/search.ts'
import type { Session } from './session.ts'

/** Commands that name messages by their numbers. */
const byNumber: ReadonlySet<string> = new Set(['FETCH', 'STORE', 'SEARCH', 'COPY', 'MOVE', 'SORT', 'THREAD', 'REPLACE'])

/** RFC 9586 §3.1. @throws bad UIDREQUIRED */
export function demandUidCommand({ uidOnly }: Session, word: string): void {
  if (uidOnly && byNumber.has(word)) throw bad(`UID ${word} is asked for after ENABLE UIDONLY`, 'UIDREQUIRED')
}

/** RFC 9586 §3.2: nor in the keys of a search; `$` holds no numbers. @throws bad UIDREQUIRED */
export function demandUidKey({ uidOnly }: Session, key: SearchKey): void {
  if (uidOnly && key.kind === 'sequence' && !key.set.saved) throw bad('There are no message numbers after ENABLE UIDONLY', 'UIDREQUIRED')
}
