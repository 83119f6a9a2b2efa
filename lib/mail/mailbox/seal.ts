/**
 * The octets of a snapshot's blob: compressed, with a checksum, so that whether they are whole is known without unpacking them.
 *
 *   1 octet kind, 4 octets CRC-32 of what follows (big-endian), then the octets, compressed or not
 *
 * Kinds 0 and 1 are of older programs and have no checksum. Pure.
 */
import zlib from 'node:zlib'
import { packBytes } from '#lib/mail/transit/content.ts'

const kinds = { plain: 0, zstd: 1, checkedPlain: 2, checkedZstd: 3 } as const
const headBytes = 5
/** Most parts unpack into one piece of this size: the default would make many small ones and join them. */
const chunkBytes = 192 * 1024

export async function sealBytes(bytes: Uint8Array): Promise<Uint8Array> {
  const { bytes: packed, codec } = await packBytes(bytes)
  const head = Buffer.alloc(headBytes)
  head[0] = codec === 'zstd' ? kinds.checkedZstd : kinds.checkedPlain
  head.writeUInt32BE(zlib.crc32(packed), 1)
  return Buffer.concat([head, packed])
}

/** Gives what unpacks them. @throws when they are not what was sealed */
export function openSealed(stored: Uint8Array): () => Uint8Array {
  const [kind] = stored
  if (kind === kinds.plain || kind === kinds.zstd) {
    const bytes = kind === kinds.zstd ? zlib.zstdDecompressSync(stored.subarray(1)) : stored.subarray(1)
    return () => bytes
  }
  if (kind !== kinds.checkedPlain && kind !== kinds.checkedZstd) throw new Error(`a part of a snapshot is of kind ${kind}, which this program does not know`)
  const packed = stored.subarray(headBytes)
  if (stored.length < headBytes || zlib.crc32(packed) !== new DataView(stored.buffer, stored.byteOffset, headBytes).getUint32(1)) throw new Error('a part of a snapshot is damaged')
  return kind === kinds.checkedZstd ? () => zlib.zstdDecompressSync(packed, { chunkSize: chunkBytes }) : () => packed
}
