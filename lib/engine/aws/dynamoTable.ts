/**
 * The Table in one DynamoDB table: `pk` the partition, `sk` the sort key, `v` the value.
 *
 * Invariants: every read is strongly consistent; a commit of one change is a plain conditional write, for a transaction
 * costs twice as much; limits are checked before anything is sent. A write whose answer was lost is tried again by the SDK,
 * and its own condition may fail then: a row that is exactly as this write wanted it counts as written. Another writer of the
 * very same octets cannot be told from it; rows that must tell writers apart name them.
 */
import { DeleteItemCommand, GetItemCommand, PutItemCommand, QueryCommand, TransactWriteItemsCommand } from '@aws-sdk/client-dynamodb'
import type { AttributeValue, ConditionalCheckFailedException, DynamoDBClient, QueryCommandInput, TransactionCanceledException, TransactWriteItem } from '@aws-sdk/client-dynamodb'
import type { Clock } from '#lib/base/clock.ts'
import { checkChanges, checkPartition, checkRowKey } from '../limits.ts'
import { EngineUnavailableError } from '../ports.ts'
import type { Change, CommitOutcome, Condition, Page, RangeRequest, Row, RowKey, Table } from '../ports.ts'
import { calling, named, pauseBefore } from './unavailable.ts'

/** What one page holds at most; Query ends its own there too. */
const pageBytes = 1024 * 1024

export interface TableParts {
  readonly dynamo: DynamoDBClient
  readonly table: string
  readonly clock: Clock
  /** Tries of a transaction that others collide with. */
  readonly tries: number
}

type Item = Record<string, AttributeValue>

export function dynamoTable(parts: TableParts): Table {
  const { dynamo, table } = parts
  return {
    async get(key) {
      checkRowKey(key)
      const { Item } = await calling(dynamo.send(new GetItemCommand({ TableName: table, Key: itemKey(key), ConsistentRead: true })))
      return Item && valueOf(Item)
    },
    range: async (request) => readRange(parts, request, true),
    async commit(changes) {
      checkChanges(changes)
      const [first] = changes
      if (first === undefined) return { committed: true }
      return changes.length === 1 ? await writeOne(parts, first) : await transact(parts, changes)
    },
  }
}

async function writeOne({ dynamo, table }: TableParts, change: Change): Promise<CommitOutcome> {
  const condition = { TableName: table, ...conditionOf(change.onlyIf), ...(change.onlyIf === undefined ? {} : { ReturnValuesOnConditionCheckFailure: 'ALL_OLD' as const }) }
  try {
    if ('put' in change) await calling(dynamo.send(new PutItemCommand({ ...condition, Item: itemOf(change.put, change.value) })))
    else await calling(dynamo.send(new DeleteItemCommand({ ...condition, Key: itemKey(change.delete) })))
    return { committed: true }
  } catch (error) {
    if (!named(error, 'ConditionalCheckFailedException')) throw error
    return stands(change, error as ConditionalCheckFailedException) ? { committed: true } : { committed: false, failed: 0 }
  }
}

/** Written by an earlier try of this very call. */
function stands(change: Change, { $metadata, Item }: ConditionalCheckFailedException): boolean {
  if (($metadata.attempts ?? 1) === 1) return false
  if (Item === undefined) return !('put' in change)
  return 'put' in change && Buffer.compare(valueOf(Item), change.value) === 0
}

async function transact({ dynamo, table, clock, tries }: TableParts, changes: readonly Change[]): Promise<CommitOutcome> {
  const items = changes.map((change): TransactWriteItem => {
    const condition = { TableName: table, ...conditionOf(change.onlyIf) }
    return 'put' in change ? { Put: { ...condition, Item: itemOf(change.put, change.value) } } : { Delete: { ...condition, Key: itemKey(change.delete) } }
  })
  for (let tried = 1; ; tried++) {
    try {
      // Each command brings a token of its own, so that a lost answer does not make the SDK's second try fail.
      await calling(dynamo.send(new TransactWriteItemsCommand({ TransactItems: items })))
      return { committed: true }
    } catch (error) {
      if (!named(error, 'TransactionCanceledException')) throw error
      const codes = ((error as TransactionCanceledException).CancellationReasons ?? []).map(({ Code }) => Code ?? 'None')
      const failed = codes.indexOf('ConditionalCheckFailed')
      if (failed >= 0) return { committed: false, failed }
      const mistake = codes.find((code) => code === 'ValidationError' || code === 'ItemCollectionSizeLimitExceeded')
      if (mistake !== undefined) throw error
      if (tried >= tries) throw new EngineUnavailableError(`a transaction was cancelled ${tried} times: ${codes.join(', ')}`, { cause: error })
      await pauseBefore(clock, tried)
    }
  }
}

/** `consistent` is false for hints only: such a read costs half. */
export async function readRange({ dynamo, table }: Pick<TableParts, 'dynamo' | 'table'>, request: RangeRequest, consistent: boolean): Promise<Page<Row>> {
  checkPartition(request.partition)
  if (request.from !== undefined && request.to !== undefined && compareKeys(request.from, request.to) >= 0) return { items: [] }
  const limit = request.limit === undefined ? Infinity : Math.max(1, request.limit)
  const { Items = [], LastEvaluatedKey } = await calling(dynamo.send(new QueryCommand({ TableName: table, ConsistentRead: consistent, ...queryOf(request, limit) })))
  const rows = Items.map((item): Row => ({ sort: item['sk']?.S ?? '', value: valueOf(item) }))
  // BETWEEN takes its upper end in, a range does not.
  const wanted = rows.filter(({ sort }) => sort !== request.to)
  const items = firstPage(wanted, limit)
  const reachedEnd = wanted.length < rows.length && request.backward !== true
  const last = items.at(-1) ?? rows.at(-1)
  const more = items.length < wanted.length || (LastEvaluatedKey !== undefined && !reachedEnd)
  return more && last !== undefined ? { items, next: last.sort } : { items }
}

function firstPage(rows: readonly Row[], limit: number): readonly Row[] {
  let bytes = 0
  const beyond = rows.findIndex(({ sort, value }, index) => {
    bytes += value.length + sort.length
    return index >= limit || (index > 0 && bytes > pageBytes)
  })
  return beyond < 0 ? rows : rows.slice(0, beyond)
}

function queryOf({ partition, from, to, backward, cursor }: RangeRequest, limit: number): Omit<QueryCommandInput, 'TableName'> {
  const values: Item = { ':p': { S: partition } }
  if (from !== undefined) values[':f'] = { S: from }
  if (to !== undefined) values[':t'] = { S: to }
  const sortPart = from !== undefined && to !== undefined ? ' AND sk BETWEEN :f AND :t' : from !== undefined ? ' AND sk >= :f' : to !== undefined ? ' AND sk < :t' : ''
  return {
    KeyConditionExpression: `pk = :p${sortPart}`,
    ExpressionAttributeValues: values,
    ScanIndexForward: backward !== true,
    // One more than wanted says whether a page follows; another one may be the end that BETWEEN takes in.
    ...(limit === Infinity ? {} : { Limit: limit + (from !== undefined && to !== undefined && backward === true ? 2 : 1) }),
    ...(cursor === undefined ? {} : { ExclusiveStartKey: itemKey({ partition, sort: cursor }) }),
  }
}

const compareKeys = (one: string, other: string): number => Buffer.compare(Buffer.from(one), Buffer.from(other))

const itemKey = ({ partition, sort }: RowKey): Item => ({ pk: { S: partition }, sk: { S: sort } })

const itemOf = (key: RowKey, value: Uint8Array): Item => ({ ...itemKey(key), v: { B: value } })

function valueOf(item: Item): Uint8Array {
  return item['v']?.B ?? new Uint8Array()
}

function conditionOf(condition: Condition | undefined): { ConditionExpression?: string; ExpressionAttributeValues?: Item } {
  if (condition === undefined) return {}
  if (condition === 'absent') return { ConditionExpression: 'attribute_not_exists(pk)' }
  if (condition === 'present') return { ConditionExpression: 'attribute_exists(pk)' }
  return { ConditionExpression: 'v = :v', ExpressionAttributeValues: { ':v': { B: condition.equals } } }
}
