/**
 * What AWS asks for what the meter counts: us-east-1, on demand, US dollars, without free tiers.
 * Looked up in November 2026 on the price pages named here; a change of a price is a change of this file.
 */
export const priceRegion = 'us-east-1'
export const priceDate = '2026-11'

/** Everything counted, in the unit it is billed in. */
export interface Counts {
  /** DynamoDB: 1 KB written each. */
  readonly writeUnits: number
  /** DynamoDB: 4 KB read strongly consistently each. */
  readonly readUnits: number
  /** S3: PUT, COPY, POST and LIST requests. */
  readonly objectWrites: number
  /** S3: GET, HEAD and all other requests but DELETE, which is free. */
  readonly objectReads: number
  /** SQS: each 64 KB of a request. */
  readonly queueChunks: number
  readonly invocations: number
  /** Lambda: a gigabyte for a second, on ARM. */
  readonly gigabyteSeconds: number
}

interface Price {
  /** Dollars for one. */
  readonly dollars: number
  readonly what: string
  readonly source: string
}

const million = 1_000_000

export const prices: { readonly [Thing in keyof Counts]: Price } = {
  writeUnits: { dollars: 0.625 / million, what: 'DynamoDB write request units', source: 'https://aws.amazon.com/dynamodb/pricing/on-demand/' },
  readUnits: { dollars: 0.125 / million, what: 'DynamoDB read request units', source: 'https://aws.amazon.com/dynamodb/pricing/on-demand/' },
  objectWrites: { dollars: 5 / million, what: 'S3 PUT and LIST requests', source: 'https://aws.amazon.com/s3/pricing/' },
  objectReads: { dollars: 0.4 / million, what: 'S3 GET requests', source: 'https://aws.amazon.com/s3/pricing/' },
  queueChunks: { dollars: 0.4 / million, what: 'SQS requests of 64 KB', source: 'https://aws.amazon.com/sqs/pricing/' },
  invocations: { dollars: 0.2 / million, what: 'Lambda invocations', source: 'https://aws.amazon.com/lambda/pricing/' },
  gigabyteSeconds: { dollars: 0.0000133334, what: 'Lambda GB-seconds (ARM)', source: 'https://aws.amazon.com/lambda/pricing/' },
}

export const countedThings = Object.keys(prices) as readonly (keyof Counts)[]

export const noCounts: Counts = { writeUnits: 0, readUnits: 0, objectWrites: 0, objectReads: 0, queueChunks: 0, invocations: 0, gigabyteSeconds: 0 }

export function addCounts(one: Counts, other: Partial<Counts>, times = 1): Counts {
  return mapCounts((thing) => one[thing] + (other[thing] ?? 0) * times)
}

export function mapCounts(value: (thing: keyof Counts) => number): Counts {
  return Object.fromEntries(countedThings.map((thing) => [thing, value(thing)])) as unknown as Counts
}

export function dollarsOf(counts: Counts): number {
  return countedThings.reduce((sum, thing) => sum + counts[thing] * prices[thing].dollars, 0)
}
