/**
 * The octets of a snapshot's blob: compressed, with a checksum, so that whether they are whole is known without unpacking them.
 *
 *   1 octet kind, 4 octets CRC-32 of what follows (big-endian), then the octets, compressed or not
 *
 * Pure.
 */
import zlib from 'node:zlib'
import { packBytes } from '#lib/mail/transit/content.ts'

const kinds = { plain: 2, zstd: 3 } as const
const headBytes = 5
/** Most parts unpack into one piece of this size: the default would make many small ones and join them. */
const chunkBytes = 192 * 1024

export async function sealBytes(bytes: Uint8Array): Promise<Uint8Array> {
  const { bytes: packed, codec } = await packBytes(bytes)
  const head = Buffer.alloc(headBytes)
  head[0] = codec === 'zstd' ? kinds.zstd : kinds.plain
  head.writeUInt32BE(zlib.crc32(packed), 1)
  return Buffer.concat([head, packed])
}

/** @throws when they are not what was sealed */
export function unseal(stored: Uint8Array): Uint8Array {
  return check(stored)()
}

/** Octets that are lent for as long as `use` runs; nobody may keep them. */
export type Lend = <T>(use: (bytes: Uint8Array) => T) => T

/** Checks them now, unpacks them for each use. @throws when they are not what was sealed */
export function lendSealed(stored: Uint8Array): Lend {
  const unpack = check(stored)
  return (use) => {
    const bytes = unpack()
    const result = use(bytes)
    // Given back at once: a walk over a million messages would leave tens of megabytes to the collector.
    // Only what was made for these octets alone: smaller buffers may be shared with others.
    if (bytes.buffer !== stored.buffer && bytes.buffer instanceof ArrayBuffer && bytes.buffer.byteLength >= chunkBytes) bytes.buffer.transfer(0)
    return result
  }
}

/** Gives what unpacks them. @throws when they are not what was sealed */
function check(stored: Uint8Array): () => Uint8Array {
  const [kind] = stored
  if (kind !== kinds.plain && kind !== kinds.zstd) throw new Error(`a part of a snapshot is of kind ${kind}, which this program does not know`)
  const packed = stored.subarray(headBytes)
  if (stored.length < headBytes || zlib.crc32(packed) !== new DataView(stored.buffer, stored.byteOffset, headBytes).getUint32(1)) throw new Error('a part of a snapshot is damaged')
  return kind === kinds.zstd ? () => zlib.zstdDecompressSync(packed, { chunkSize: chunkBytes }) : () => packed
}
