/** Line ends of messages that come from elsewhere than SMTP. */

const LF = 10
const CR = 13
const lineEnd = Buffer.from('\r\n')

/** Makes CRLF of bare LF and bare CR; nothing else changes, whatever the chunks. */
export async function* toCrlf(chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  // A CR at the end of a chunk is held back until it is known what follows.
  let heldCr = false
  for await (const chunk of chunks) {
    if (chunk.length === 0) continue
    const pieces: Uint8Array[] = []
    heldCr = normalise(chunk, heldCr, pieces)
    if (pieces.length === 1 && pieces[0] !== undefined) yield pieces[0]
    else if (pieces.length > 0) yield Buffer.concat(pieces)
  }
  if (heldCr) yield lineEnd
}

/** Returns whether the last octet was a CR, which is not among the pieces yet. */
function normalise(chunk: Uint8Array, heldCr: boolean, pieces: Uint8Array[]): boolean {
  const n = chunk.length
  let start = 0
  let at = 0
  if (heldCr) {
    pieces.push(lineEnd)
    if (chunk[0] === LF) start = at = 1
  }
  for (; at < n; at++) {
    const octet = chunk[at] as number
    if (octet > CR || (octet !== CR && octet !== LF)) continue
    if (octet === CR && chunk[at + 1] === LF) {
      at++
      continue
    }
    if (at > start) pieces.push(chunk.subarray(start, at))
    start = at + 1
    if (octet === CR && start === n) return true
    pieces.push(lineEnd)
  }
  if (n > start) pieces.push(chunk.subarray(start, n))
  return false
}
