/** Table, Blobs and Bell in memory, as strict as the real ones, with every call counted. Calls answer in a later turn, so that writers interleave. */
import { PortLimitError, portLimits } from '#lib/engine/ports.ts'
import type { Bell, BlobInfo, Blobs, Change, Condition, RowKey, Table } from '#lib/engine/ports.ts'

export interface MemoryEngine {
  readonly table: Table
  readonly blobs: Blobs
  readonly bell: Bell
  readonly calls: Record<'get' | 'range' | 'commit' | 'put' | 'read' | 'delete' | 'list' | 'info', number>
  readonly rows: Map<string, Map<string, Uint8Array>>
  readonly kept: Map<string, { info: BlobInfo; bytes: Buffer }>
  /** Called before each call; may throw or wait. */
  before: (call: string, key: string) => Promise<void>
  forgetCalls(): void
}

export function memoryEngine(): MemoryEngine {
  const rows = new Map<string, Map<string, Uint8Array>>()
  const kept: MemoryEngine['kept'] = new Map()
  const none = () => ({ get: 0, range: 0, commit: 0, put: 0, read: 0, delete: 0, list: 0, info: 0 })
  const engine: MemoryEngine = {
    rows,
    kept,
    calls: none(),
    before: async () => undefined,
    forgetCalls: () => void Object.assign(engine.calls, none()),
    table: memoryTable(rows, (call, key) => count(call, key)),
    blobs: memoryBlobs(kept, (call, key) => count(call, key)),
    bell: memoryBell(),
  }
  const count = async (call: keyof MemoryEngine['calls'], key: string) => {
    engine.calls[call]++
    await engine.before(call, key)
    await Promise.resolve()
  }
  return engine
}

type Count = (call: keyof MemoryEngine['calls'], key: string) => Promise<void>

function memoryTable(rows: MemoryEngine['rows'], count: Count): Table {
  const find = ({ partition, sort }: RowKey) => rows.get(partition)?.get(sort)
  const holds = (condition: Condition, key: RowKey): boolean => {
    const value = find(key)
    if (condition === 'absent') return value === undefined
    if (condition === 'present') return value !== undefined
    return value !== undefined && Buffer.compare(value, condition.equals) === 0
  }
  const apply = (change: Change) => {
    const key = 'put' in change ? change.put : change.delete
    const partition = rows.get(key.partition) ?? new Map<string, Uint8Array>()
    rows.set(key.partition, partition)
    if ('put' in change) partition.set(key.sort, Buffer.from(change.value))
    else partition.delete(key.sort)
  }
  return {
    async get(key) {
      await count('get', key.sort)
      return find(key)
    },
    async range({ partition, from = '', to = '\u{10ffff}', backward = false, limit = 1000, cursor }) {
      await count('range', from)
      const sorts = [...(rows.get(partition)?.keys() ?? [])].filter((sort) => sort >= from && sort < to).sort()
      if (backward) sorts.reverse()
      const rest = cursor === undefined ? sorts : sorts.filter((sort) => (backward ? sort < cursor : sort > cursor))
      // Pages are small, so that paging is tested.
      const page = rest.slice(0, Math.min(limit, 100))
      const items = page.map((sort) => ({ sort, value: find({ partition, sort }) ?? Buffer.alloc(0) }))
      return page.length < rest.length ? { items, next: page.at(-1) ?? '' } : { items }
    },
    async commit(changes) {
      if (changes.length > portLimits.commitChanges) throw new PortLimitError('too many changes')
      await count('commit', '')
      const failed = changes.findIndex((change) => change.onlyIf !== undefined && !holds(change.onlyIf, 'put' in change ? change.put : change.delete))
      if (failed >= 0) return { committed: false, failed }
      changes.forEach(apply)
      return { committed: true }
    },
  }
}

function memoryBlobs(kept: MemoryEngine['kept'], count: Count): Blobs {
  return {
    async put(key, source, metadata = {}) {
      const chunks: Uint8Array[] = []
      if (source instanceof Uint8Array) chunks.push(source)
      else for await (const chunk of source) chunks.push(Buffer.from(chunk))
      const bytes = Buffer.concat(chunks)
      await count('put', key)
      if (Buffer.byteLength(JSON.stringify(metadata)) > 2048) throw new PortLimitError('too much metadata')
      const info = { key, sizeBytes: bytes.length, metadata }
      kept.set(key, { info, bytes })
      return info
    },
    async readBytes(key, offset = 0, length = Infinity) {
      await count('read', key)
      return kept.get(key)?.bytes.subarray(offset, offset + length)
    },
    async *readStream(key, offset = 0, length = Infinity) {
      await count('read', key)
      const blob = kept.get(key)
      if (blob === undefined) throw new Error(`there is no blob ${key}`)
      yield blob.bytes.subarray(offset, offset + length)
    },
    async info(key) {
      await count('info', key)
      return kept.get(key)?.info
    },
    async list(prefix, cursor) {
      await count('list', prefix)
      const keys = [...kept.keys()].filter((key) => key.startsWith(prefix) && (cursor === undefined || key > cursor)).sort()
      const page = keys.slice(0, 100)
      const items = page.flatMap((key) => kept.get(key)?.info ?? [])
      return page.length < keys.length ? { items, next: page.at(-1) ?? '' } : { items }
    },
    async delete(key) {
      await count('delete', key)
      kept.delete(key)
    },
  }
}

function memoryBell(): Bell {
  const listeners = new Map<string, Set<() => void>>()
  return {
    ring: (account) => setImmediate(() => listeners.get(account)?.forEach((listener) => listener())),
    listen(account, listener) {
      const set = listeners.get(account) ?? new Set()
      listeners.set(account, set.add(listener))
      return () => void set.delete(listener)
    },
  }
}
