/** The row that says of which segments an index consists. It is a cache's: another version of it, or damage, means building anew. */
import { Packr } from 'msgpackr'
import type { RowKey } from '#lib/engine/ports.ts'
import { partitionOf } from '../logKeys.ts'

export interface SegmentInfo {
  readonly key: string
  /** Sequence numbers of the entries it covers. */
  readonly first: number
  readonly last: number
  readonly docs: number
}

export interface Pointer {
  readonly infos: readonly SegmentInfo[]
  /** Up to this entry the log is in the segments. */
  readonly covered: number
}

const packr = new Packr({ useRecords: false })
const pointerVersion = 1

export const indexKinds = ['columns', 'words'] as const

export type IndexKind = (typeof indexKinds)[number]

/** Sorts behind the entries of the log, as the snapshot's does. */
export function pointerKey(accountId: string, kind: IndexKind): RowKey {
  return { partition: partitionOf(accountId), sort: `index-${kind}` }
}

export function packPointer({ infos, covered }: Pointer): Uint8Array {
  return packr.pack([pointerVersion, covered, infos.map(({ key, first, last, docs }) => [key, first, last, docs])])
}

/** Undefined for what this program cannot use. */
export function unpackPointer(bytes: Uint8Array): Pointer | undefined {
  try {
    const [version, covered, packed] = packr.unpack(bytes) as readonly unknown[]
    if (version !== pointerVersion) return undefined
    const infos = (packed as readonly (readonly [string, number, number, number])[]).map(([key, first, last, docs]) => ({ key, first, last, docs }))
    return { infos, covered: covered as number }
  } catch {
    return undefined
  }
}
