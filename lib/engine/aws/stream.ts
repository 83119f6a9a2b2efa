/** Rows of the Table as its stream tells of them (dynamoTable.ts says how they lie in items). */
import type { RowKey } from '../ports.ts'

/** As much of Lambda's DynamoDBRecord as matters here: octets come in base64. */
export interface StreamRecord {
  readonly eventName?: string
  readonly dynamodb?: { readonly SequenceNumber?: string; readonly NewImage?: Readonly<Record<string, { readonly S?: string; readonly B?: string }>> }
}

/** A row that was not there before; undefined for what was changed or deleted. */
export function newRowOf({ eventName, dynamodb }: StreamRecord): (RowKey & { readonly value: Uint8Array }) | undefined {
  const { pk, sk, v } = dynamodb?.NewImage ?? {}
  if (eventName !== 'INSERT' || pk?.S === undefined || sk?.S === undefined || v?.B === undefined) return undefined
  return { partition: pk.S, sort: sk.S, value: Buffer.from(v.B, 'base64') }
}
