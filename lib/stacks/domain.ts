/** What the world must know of the domain: published when its zone is in this account, else printed. */
import { CfnOutput, Duration } from 'aws-cdk-lib'
import { CnameRecord, MxRecord, SrvRecord, TxtRecord } from 'aws-cdk-lib/aws-route53'
import type { IHostedZone } from 'aws-cdk-lib/aws-route53'
import type { Construct } from 'constructs'
import { commandFor } from './asks.ts'
import { pagesOf } from './choices.ts'
import type { FrontStack } from './front.ts'
import { MailStack } from './mailStack.ts'
import type { Setting } from './mailStack.ts'
import { addPages } from './pages.ts'
import { readDkimRecords, recordsOf } from './records.ts'
import type { ZoneRecord } from './records.ts'
import { hostedZone } from './storage.ts'
import type { MailZone } from './storage.ts'

const ttl = Duration.hours(1)

export class DomainStack extends MailStack {
  constructor(scope: Construct, setting: Setting, { zone, front }: { readonly zone: MailZone; readonly front: FrontStack }) {
    super(scope, 'domain', setting, { description: 'Pennypost: the DNS records of the domain.' })
    this.addStackDependency(front)
    const { records: files, domain, stack } = this.choices
    const dkim = files === '' ? [] : files.split(',').flatMap((file) => readDkimRecords(file.trim()))
    const within = (name: string): boolean => name === zone.name || name.endsWith(`.${zone.name}`)
    const own = this.choices.ownRecords.split(',').map((one) => one.trim())
    const isPublished = ({ type, name }: ZoneRecord): boolean => within(name) && !own.includes(`${type} ${name}`)
    const all = [...recordsOf(this.choices), ...dkim]
    const hosted = hostedZone(this, zone)
    for (const record of all.filter(isPublished)) this.#publish(hosted, record)
    all.filter((record) => !isPublished(record)).forEach((record, index) => this.#print(record, index + 1))
    const mode = pagesOf(this.choices)
    if (mode !== undefined) addPages(this, hosted, mode)
    if (files === '') new CfnOutput(this, 'NextDkim', { description: 'Make the DKIM keys and see their records', value: `${commandFor(stack)} domain add ${domain}, then the same with domain show ${domain} --json > ${domain}.json, and deploy again with -c records=${domain}.json` })
  }

  #publish(zone: IHostedZone, { type, name, value }: ZoneRecord): void {
    const id = `${type}-${name}`
    const common = { zone, recordName: `${name}.`, ttl }
    const words = value.split(' ')
    const [priority, weight, port] = words.slice(0, 3).map(Number)
    const host = words.at(-1) ?? ''
    if (type === 'MX') new MxRecord(this, id, { ...common, values: [{ hostName: host, priority: priority ?? 0 }] })
    else if (type === 'TXT') new TxtRecord(this, id, { ...common, values: [value] })
    else if (type === 'SRV') new SrvRecord(this, id, { ...common, values: [{ priority: priority ?? 0, weight: weight ?? 0, port: port ?? 0, hostName: host }] })
    else new CnameRecord(this, id, { ...common, domainName: value })
  }

  #print({ type, name, value }: ZoneRecord, number: number): void {
    new CfnOutput(this, `Record${String(number).padStart(2, '0')}`, { description: 'DNS record to publish', value: `${name}. ${type} ${type === 'TXT' ? `"${value}"` : value}` })
  }
}
