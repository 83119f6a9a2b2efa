/** Columns of numbers as octets. Little-endian, as every machine Node runs on in practice. */

export function packNumbers(numbers: Uint16Array | Uint32Array | Int32Array | Float64Array): Uint8Array {
  return new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength)
}

/** @throws when it is no octets */
export function asBytes(packed: unknown): Uint8Array {
  if (!(packed instanceof Uint8Array)) throw new Error('a column of the index is damaged')
  return packed
}

/** Copied, so that the numbers lie where their width wants them and the rest of the octets can go. */
function copy(packed: unknown, width: number): ArrayBuffer {
  const bytes = asBytes(packed)
  if (bytes.length % width !== 0) throw new Error('a column of the index has the wrong length')
  return new Uint8Array(bytes).buffer
}

export const unpackU16 = (packed: unknown) => new Uint16Array(copy(packed, 2))
export const unpackU32 = (packed: unknown) => new Uint32Array(copy(packed, 4))
export const unpackI32 = (packed: unknown) => new Int32Array(copy(packed, 4))
export const unpackF64 = (packed: unknown) => new Float64Array(copy(packed, 8))
