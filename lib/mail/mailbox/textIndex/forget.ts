/** Takes the indexes of an account away; the next search that needs one builds it anew, in whatever process. */
import type { Blobs, Table } from '#lib/engine/ports.ts'
import { indexPrefix } from '../logKeys.ts'
import { indexKinds, pointerKey } from './pointer.ts'

/** The rows first, so that nobody begins to read what is being deleted. Returns how many blobs there were. */
export async function forgetIndexes({ table, blobs }: { readonly table: Table; readonly blobs: Blobs }, accountId: string): Promise<number> {
  await table.commit(indexKinds.map((kind) => ({ delete: pointerKey(accountId, kind) })))
  let count = 0
  for (;;) {
    const { items } = await blobs.list(indexPrefix(accountId))
    if (items.length === 0) return count
    await Promise.all(items.map(({ key }) => blobs.delete(key)))
    count += items.length
  }
}
