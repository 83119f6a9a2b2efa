/**
 * How a blob lies in LMDB: its metadata, and either its octets or the name of the file that holds them.
 */
import { checkMetadata } from '../limits.ts'
import type { BlobInfo } from '../ports.ts'

const version = 1
const kinds = { inline: 0, file: 1 } as const
const headerBytes = 4

export type BlobRow = { readonly info: () => BlobInfo; readonly inline: Uint8Array } | { readonly info: () => BlobInfo; readonly file: string; readonly sizeBytes: number }

/** @throws {PortLimitError} */
export function packMetadata(metadata: Readonly<Record<string, string>>): Uint8Array {
  return checkMetadata(metadata)
}

export function packInline(metadata: Uint8Array, chunks: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat([header('inline', metadata), metadata, ...chunks])
}

export function packFile(metadata: Uint8Array, file: string, sizeBytes: number): Uint8Array {
  return Buffer.concat([header('file', metadata), metadata, Buffer.from(JSON.stringify([file, sizeBytes]))])
}

/** Inline octets are a view of `value`. */
export function unpackBlobRow(key: string, value: Uint8Array): BlobRow {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.length)
  if (bytes[0] !== version) throw new Error(`a blob row has version ${bytes[0] ?? 'none'}, this program reads version ${version}`)
  const restStart = headerBytes + bytes.readUInt16LE(2)
  // Written by packMetadata. Who reads the octets does not ask for it.
  const metadata = () => JSON.parse(bytes.toString('utf8', headerBytes, restStart)) as Record<string, string>
  if (bytes[1] === kinds.inline) return { info: () => ({ key, metadata: metadata(), sizeBytes: bytes.length - restStart }), inline: bytes.subarray(restStart) }
  // Written by packFile.
  const [file, sizeBytes] = JSON.parse(bytes.toString('utf8', restStart)) as [string, number]
  return { info: () => ({ key, metadata: metadata(), sizeBytes }), file, sizeBytes }
}

function header(kind: keyof typeof kinds, metadata: Uint8Array): Uint8Array {
  const bytes = Buffer.alloc(headerBytes)
  bytes[0] = version
  bytes[1] = kinds[kind]
  bytes.writeUInt16LE(metadata.length, 2)
  return bytes
}
