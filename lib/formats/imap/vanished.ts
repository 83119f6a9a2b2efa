/** VANISHED: RFC 7162 §3.2.10. */
import { formatSequenceSet } from './sequenceSet.ts'

/** A response is a line, and lines have an end: scattered UIDs go in several. */
const mostInLine = 1000

/** `uids` ascending; `earlier`: they have no sequence number any more. */
export function* writeVanished(uids: readonly number[], earlier: boolean): Generator<string> {
  for (let start = 0; start < uids.length; ) {
    let end = start
    for (let runs = 0; end < uids.length && runs < mostInLine; end++) if (uids[end] !== (uids[end - 1] ?? 0) + 1 || end === start) runs++
    // A run is not cut in two.
    while (end < uids.length && uids[end] === (uids[end - 1] ?? 0) + 1) end++
    yield `* VANISHED${earlier ? ' (EARLIER)' : ''} ${formatSequenceSet(uids.slice(start, end))}\r\n`
    start = end
  }
}
