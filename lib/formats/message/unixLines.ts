/** A message with the line ends of a disk: LF for CR LF. Nothing else changes, whatever the chunks; a lone CR stays. */

const LF = 10
const CR = 13
const heldBack = Buffer.from('\r')

export async function* toUnixLines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  // A CR at the end of a chunk is held back until it is known what follows.
  let held = false
  for await (const chunk of chunks) {
    if (chunk.length === 0) continue
    if (held && chunk[0] !== LF) yield heldBack
    held = chunk.at(-1) === CR
    yield withoutCr(held ? chunk.subarray(0, -1) : chunk)
  }
  if (held) yield heldBack
}

function withoutCr(chunk: Uint8Array): Uint8Array {
  const octets = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length)
  const made = Buffer.allocUnsafe(octets.length)
  let [from, used] = [0, 0]
  for (let at = octets.indexOf(CR); at >= 0; at = octets.indexOf(CR, at + 1)) {
    if (octets[at + 1] !== LF) continue
    used += octets.copy(made, used, from, at)
    from = at + 1
  }
  used += octets.copy(made, used, from)
  return made.subarray(0, used)
}
