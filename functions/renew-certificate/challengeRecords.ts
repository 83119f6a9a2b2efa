import type { Zone, ZoneRecord } from '../zone.ts'
import type { ChallengeRecords } from './renew.ts'

/** Seen by the authority alone, and for as long as it looks. */
const ttlSeconds = 10

/** Challenges as TXT records of a Route 53 zone. */
export function challengeRecords(zone: Pick<Zone, 'publish' | 'remove'>): ChallengeRecords {
  const record = (name: string, values: readonly string[]): ZoneRecord => ({ name, type: 'TXT', ttlSeconds, values: values.map((value) => `"${value}"`) })
  return { publish: (name, values) => zone.publish(record(name, values)), remove: (name, values) => zone.remove(record(name, values)) }
}
