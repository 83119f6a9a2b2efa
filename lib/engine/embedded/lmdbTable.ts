/**
 * The Table in LMDB. Reads are synchronous in the memory map; writes share the environment's group commit.
 */
import { checkChanges, keyOfChange } from '../limits.ts'
import type { Change, CommitOutcome, Condition, Page, RangeRequest, Row, Table } from '../ports.ts'
import type { Environment, Rows, Writes } from './environment.ts'
import { partitionSpan, tableKey } from './keys.ts'

/** What one page holds at most, as DynamoDB's Query. */
const pageBytes = 1024 * 1024
const pageRows = 1000

interface KeyedChange {
  readonly key: string
  /** Absent: delete. */
  readonly value: Uint8Array | undefined
  readonly onlyIf: Condition | undefined
}

export function lmdbTable(environment: Environment): Table {
  return {
    get: async (key) => environment.get(tableKey(key)),
    range: async (request) => readRange(environment, request),
    commit: async (changes) => {
      if (changes.length === 0) return { committed: true }
      const keyed = keyChanges(changes)
      return await environment.commit((rows, writes) => applyChanges(keyed, rows, writes))
    },
  }
}

function applyChanges(changes: readonly KeyedChange[], rows: Rows, writes: Writes): CommitOutcome {
  const failed = changes.findIndex((change) => change.onlyIf !== undefined && !holds(change.onlyIf, change.key, rows))
  if (failed >= 0) return { committed: false, failed }
  for (const { key, value } of changes) {
    if (value === undefined) writes.remove(key)
    else writes.put(key, value)
  }
  return { committed: true }
}

function holds(condition: Condition, key: string, rows: Rows): boolean {
  if (condition === 'absent') return !rows.has(key)
  if (condition === 'present') return rows.has(key)
  const value = rows.get(key)
  return value !== undefined && Buffer.compare(value, condition.equals) === 0
}

/** @throws {PortLimitError} */
function keyChanges(changes: readonly Change[]): KeyedChange[] {
  checkChanges(changes)
  return changes.map((change) => ({ key: tableKey(keyOfChange(change)), value: 'put' in change ? change.value : undefined, onlyIf: change.onlyIf }))
}

function readRange(environment: Environment, request: RangeRequest): Page<Row> {
  const { first, end } = partitionSpan(request.partition)
  const limit = Math.max(1, Math.min(request.limit ?? pageRows, pageRows))
  const items: Row[] = []
  let bytes = 0
  let more = false
  environment.scan({ ...spanOf(request, first, end), backward: request.backward === true }, (key, value) => {
    more = items.length >= limit || (items.length > 0 && bytes + value.length > pageBytes)
    if (more) return false
    const sort = key.slice(first.length)
    items.push({ sort, value })
    bytes += value.length + sort.length
    return true
  })
  const last = items.at(-1)
  return more && last !== undefined ? { items, next: last.sort } : { items }
}

/** The cursor is the last sort key of the page before; no key lies between it and itself followed by NUL. */
function spanOf(request: RangeRequest, first: string, end: string): { first: string; end: string } {
  const from = request.backward !== true && request.cursor !== undefined ? `${request.cursor}\0` : request.from
  const to = request.backward === true && request.cursor !== undefined ? request.cursor : request.to
  return { first: from === undefined ? first : first + from, end: to === undefined ? end : first + to }
}
