/** A message as it is handed in: its header section in memory, its body still to come. */
import { splitHeader } from '#lib/formats/submission/header.ts'
import type { HeaderField } from '#lib/formats/submission/header.ts'
import { MessageRefusal } from '#lib/mail/inbound/accept.ts'

export interface Submission {
  readonly fields: readonly HeaderField[]
  /** To be read once. */
  readonly body: AsyncIterable<Uint8Array>
}

/** @throws {MessageRefusal} for a header section that is too long, or has a line in it that is no field. */
export async function readSubmission(content: AsyncIterable<Uint8Array>, maxHeaderBytes: number): Promise<Submission> {
  const source = content[Symbol.asyncIterator]()
  try {
    const head = await readHead(source, maxHeaderBytes)
    const { fields, bodyAt, fault } = splitHeader(head)
    const end = head.indexOf('\r\n\r\n')
    if (fields.length > 0 && (end < 0 ? head.length : end) > maxHeaderBytes) throw new MessageRefusal({ code: 552, enhancedCode: '5.3.4', text: `Header section longer than ${maxHeaderBytes} octets` })
    if (fault !== undefined) throw new MessageRefusal({ code: 554, enhancedCode: '5.6.0', text: `A line of the header is no field: ${fault.replace(/[^\x20-\x7e]/g, '?')}` })
    return { fields, body: rest(head.subarray(bodyAt), source) }
  } catch (error) {
    await source.return?.()
    throw error
  }
}

/** Enough to hold the header section with its empty line, if it is no longer than allowed. */
async function readHead(source: AsyncIterator<Uint8Array>, maxHeaderBytes: number): Promise<Buffer> {
  let head: Buffer = Buffer.alloc(0)
  let chunks: Uint8Array[] = []
  let size = 0
  for (let next = await source.next(); !next.done; next = await source.next()) {
    chunks.push(next.value)
    size += next.value.length
    // Joined when it has doubled, so that many small chunks cost no more than a few large ones.
    if (size < head.length * 2) continue
    const searched = Math.max(0, head.length - 3)
    head = Buffer.concat([head, ...chunks])
    chunks = []
    if (head.length > maxHeaderBytes || head.includes('\r\n\r\n', searched) || (head[0] === 0x0d && head[1] === 0x0a)) return head
  }
  return Buffer.concat([head, ...chunks])
}

async function* rest(head: Uint8Array, source: AsyncIterator<Uint8Array>): AsyncIterable<Uint8Array> {
  try {
    if (head.length > 0) yield head
    for (let next = await source.next(); !next.done; next = await source.next()) yield next.value
  } finally {
    await source.return?.()
  }
}
