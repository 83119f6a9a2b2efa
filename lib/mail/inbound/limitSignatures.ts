/**
 * Leaves only the first signatures in what the verifier sees: each one may demand a key, a body hash of its own and
 * an RSA operation, and a message may carry thousands.
 */
import { parseHeader } from '#lib/formats/message/header.ts'

/** A header section longer than this is looked at no further. */
const headerLimitBytes = 1024 * 1024

/** RFC 6376 §6.1: a verifier may limit the number of signatures it tries. The body passes unchanged. */
export async function limitSignatures(message: Uint8Array | AsyncIterable<Uint8Array>, most: number): Promise<Buffer | AsyncIterable<Uint8Array>> {
  if (message instanceof Uint8Array) return joined(message, most)
  const iterator = message[Symbol.asyncIterator]()
  const chunks: Uint8Array[] = []
  let size = 0
  for (let next = await iterator.next(); !next.done; next = await iterator.next()) {
    chunks.push(next.value)
    size += next.value.length
    const head = Buffer.concat(chunks, size)
    if (head.includes('\r\n\r\n') || size > headerLimitBytes) return follow(joined(head, most), iterator)
  }
  return joined(Buffer.concat(chunks, size), most)
}

async function* follow(head: Uint8Array, rest: AsyncIterator<Uint8Array>): AsyncIterable<Uint8Array> {
  yield head
  for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value
}

function joined(message: Uint8Array, most: number): Buffer {
  const { fields } = parseHeader(message)
  const excess = fields.filter(({ name }) => name.toLowerCase() === 'dkim-signature').slice(most)
  const pieces: Uint8Array[] = []
  let from = 0
  for (const { start, end } of excess) {
    pieces.push(message.subarray(from, start))
    from = end
  }
  if (from === 0) return Buffer.from(message.buffer, message.byteOffset, message.byteLength)
  return Buffer.concat([...pieces, message.subarray(from)])
}
