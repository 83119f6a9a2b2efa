/**
 * Records of a Route 53 zone (API of 2013-04-01). A change is asked for and waited for: Route 53 says INSYNC when all of its
 * servers know it.
 */
import type { Clock } from '#lib/base/clock.ts'
import type { SignedCall } from '#lib/engine/aws/signedCall.ts'

export interface ZoneRecord {
  readonly name: string
  readonly type: 'A' | 'TXT'
  readonly ttlSeconds: number
  /** One of several records of that name and type: Route 53 gives those of weight 0 only while there are no others. */
  readonly weighted?: { readonly id: string; readonly weight: number }
  /** As a zone file has them: a TXT value in double quotes. */
  readonly values: readonly string[]
}

export interface Zone {
  /** Puts the record in place of whatever stands under its name and type. Resolves when the change is asked for. */
  upsert(record: ZoneRecord): Promise<void>
  /** The same, resolving when the whole world can see it. */
  publish(record: ZoneRecord): Promise<void>
  remove(record: ZoneRecord): Promise<void>
}

export interface ZoneDeps {
  readonly call: SignedCall
  readonly clock: Clock
  readonly zoneId: string
  /** Absent: AWS's own. */
  readonly endpoint?: string
}

const xmlns = 'https://route53.amazonaws.com/doc/2013-04-01/'
/** Route 53 is signed for this region, wherever the caller is. */
const region = 'us-east-1'
const lookEveryMs = 3000
/** Changes are commonly there within a minute. */
const mostLooks = 60

export function makeZone({ call, clock, zoneId, endpoint = 'https://route53.amazonaws.com' }: ZoneDeps): Zone {
  const request = { service: 'route53', region, headers: { 'content-type': 'application/xml' } }
  const change = async (action: 'UPSERT' | 'DELETE', record: ZoneRecord): Promise<string> => {
    const answer = await call({ ...request, method: 'POST', url: new URL(`/2013-04-01/hostedzone/${zoneId}/rrset`, endpoint), body: changeBatch(action, record) })
    const [, id] = /<Id>\/?(?:change\/)?([A-Za-z0-9]+)<\/Id>/.exec(answer) ?? []
    if (id === undefined) throw new Error(`Route 53 named no change: ${answer.slice(0, 500)}`)
    return id
  }
  const awaitSync = async (changeId: string): Promise<void> => {
    for (let looks = 0; looks < mostLooks; looks++) {
      const answer = await call({ ...request, method: 'GET', url: new URL(`/2013-04-01/change/${changeId}`, endpoint) })
      if (answer.includes('<Status>INSYNC</Status>')) return
      await clock.sleep(lookEveryMs)
    }
    throw new Error(`Route 53 took too long for change ${changeId}`)
  }
  return {
    upsert: async (record) => void (await change('UPSERT', record)),
    publish: async (record) => await awaitSync(await change('UPSERT', record)),
    remove: async (record) => void (await change('DELETE', record)),
  }
}

function changeBatch(action: string, { name, type, ttlSeconds, weighted, values }: ZoneRecord): string {
  const records = values.map((value) => `<ResourceRecord><Value>${escape(value)}</Value></ResourceRecord>`).join('')
  const among = weighted === undefined ? '' : `<SetIdentifier>${escape(weighted.id)}</SetIdentifier><Weight>${weighted.weight}</Weight>`
  const set = `<ResourceRecordSet><Name>${escape(name)}</Name><Type>${type}</Type>${among}<TTL>${ttlSeconds}</TTL><ResourceRecords>${records}</ResourceRecords></ResourceRecordSet>`
  return `<?xml version="1.0" encoding="UTF-8"?><ChangeResourceRecordSetsRequest xmlns="${xmlns}"><ChangeBatch><Changes><Change><Action>${action}</Action>${set}</Change></Changes></ChangeBatch></ChangeResourceRecordSetsRequest>`
}

const escapes: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }
const escape = (text: string): string => text.replaceAll(/[&<>"]/g, (sign) => escapes[sign] ?? sign)
