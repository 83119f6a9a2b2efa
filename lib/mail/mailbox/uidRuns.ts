/**
 * Sets of UIDs as runs: [first, last, first, last ...], ascending, both ends inclusive.
 * In an entry of the log they are deltas in variable-length integers, so that `1:100000` is four octets.
 */
import zlib from 'node:zlib'

export type UidRuns = readonly number[]

/** Octets of encoded runs that fit into an entry beside everything else. */
export const runsLimitBytes = 48 * 1024
const compressFromBytes = 512
const codecs = { plain: 0, zstd: 1 } as const

export function encodeRuns(runs: UidRuns): Uint8Array {
  const plain = Buffer.alloc(1 + runs.length * 5)
  let end = 1
  let before = 0
  for (const bound of runs) {
    end = writeVarint(plain, end, bound - before)
    before = bound
  }
  plain[0] = codecs.plain
  if (end < compressFromBytes) return plain.subarray(0, end)
  const packed = Buffer.concat([Buffer.from([codecs.zstd]), zlib.zstdCompressSync(plain.subarray(1, end))])
  return packed.length < end ? packed : plain.subarray(0, end)
}

/** @throws when the octets are no runs */
export function decodeRuns(bytes: Uint8Array): number[] {
  const codec = bytes[0]
  if (codec !== codecs.plain && codec !== codecs.zstd) throw new Error(`UID runs have the unknown codec ${codec}`)
  const plain = codec === codecs.plain ? bytes.subarray(1) : zlib.zstdDecompressSync(bytes.subarray(1))
  const runs: number[] = []
  let value = 0
  for (let at = 0, bound = 0; at < plain.length; bound = value) {
    let shift = 1
    let octet
    value = bound
    do {
      octet = plain[at++]
      if (octet === undefined) throw new Error('UID runs end in the middle of a number')
      value += (octet & 0x7f) * shift
      shift *= 128
    } while (octet >= 0x80)
    runs.push(value)
  }
  if (runs.length % 2 !== 0) throw new Error('UID runs end in the middle of a run')
  return runs
}

function writeVarint(target: Uint8Array, at: number, value: number): number {
  let rest = value
  while (rest >= 128) {
    target[at++] = (rest % 128) | 0x80
    rest = Math.floor(rest / 128)
  }
  target[at++] = rest
  return at
}

/** The runs are too many for one entry: the set has to be split. */
export class RunsTooLargeError extends Error {
  override readonly name = 'RunsTooLargeError'
}

/** Below this many runs no set can be too large: two numbers of five octets each. */
const alwaysFit = Math.floor(runsLimitBytes / 10)

/** @throws {RunsTooLargeError} */
export function demandFits(runs: UidRuns): UidRuns {
  if (runs.length / 2 > alwaysFit && encodeRuns(runs).length > runsLimitBytes) throw new RunsTooLargeError(`${runs.length / 2} runs of UIDs do not fit into one entry`)
  return runs
}

/** Works on all UIDs at once or, where their runs do not fit into one entry, on halves of them, one after the other. */
export async function inParts<T>(uids: readonly number[], work: (part: readonly number[]) => Promise<T>): Promise<T[]> {
  try {
    return [await work(uids)]
  } catch (error) {
    if (!(error instanceof RunsTooLargeError)) throw error
    const middle = uids.length >> 1
    return [...(await inParts(uids.slice(0, middle), work)), ...(await inParts(uids.slice(middle), work))]
  }
}

/** Adds a UID behind all others. */
export function extendRuns(runs: number[], uid: number): void {
  if (runs.length > 0 && runs.at(-1) === uid - 1) runs[runs.length - 1] = uid
  else runs.push(uid, uid)
}
