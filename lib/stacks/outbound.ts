/**
 * Mail to others: who looks up its way, who delivers it, and from where.
 *
 * *smarthost*: deliveries leave from Lambda's own network to a server that relays them, on 587 or 465; no network of ours.
 * *direct*: deliveries leave through one fixed address, since port 25 is opened, and believed in, by address.
 */
import { CfnOutput, Duration } from 'aws-cdk-lib'
import type { Construct } from 'constructs'
import { EmailIdentity, Identity } from 'aws-cdk-lib/aws-ses'
import { CnameRecord } from 'aws-cdk-lib/aws-route53'
import { askProduction } from './asks.ts'
import { addConsumer } from './consumer.ts'
import { mailEnvironment } from './environment.ts'
import { addMailFunction } from './mailFunction.ts'
import type { CodeOf, MailFunctionProps } from './mailFunction.ts'
import { MailStack } from './mailStack.ts'
import type { Setting } from './mailStack.ts'
import { OutboundNetwork } from './outboundNetwork.ts'
import { consume, ofNotes, ofTransit, sendTo, useBlobs, useTable } from './permissions.ts'
import type { PipelineStack } from './pipeline.ts'
import { hostedZone } from './storage.ts'
import type { MailZone } from './storage.ts'

export interface OutboundProps {
  readonly code: CodeOf
  readonly pipeline: PipelineStack
  readonly zone: MailZone
}

export class OutboundStack extends MailStack {
  constructor(scope: Construct, setting: Setting, { code, pipeline, zone }: OutboundProps) {
    super(scope, 'outbound', setting, { description: 'Pennypost: the way of mail to others.' })
    this.addStackDependency(pipeline)
    this.#addLookUpMx(code)
    if (this.choices.outbound === 'direct') this.#addDeliverOutbound(code, new OutboundNetwork(this, zone))
    else this.#addDeliverOutbound(code)
    if (this.choices.outbound === 'smarthost' && this.choices.smarthost === 'ses') this.#addSes(zone)
  }

  #addLookUpMx(code: CodeOf): void {
    const router = addMailFunction(this, 'look-up-mx', {
      code,
      memoryMiB: 512,
      timeout: Duration.minutes(2),
      environment: mailEnvironment(this),
      allowances: [...consume(this, 'outbound'), useTable(this), ...useBlobs(this, [...ofTransit, ...ofNotes]), sendTo(this, ['inbound', 'outbound', 'delivery'])],
    })
    addConsumer(this, 'outbound', router, this.choices.lookUpAtOnce)
  }

  /** Fifteen minutes, the most there is: it waits for other hosts, ten notes side by side. */
  #addDeliverOutbound(code: CodeOf, network?: OutboundNetwork): void {
    const place: Pick<MailFunctionProps, 'network'> = network === undefined ? {} : { network: network.forFunctions }
    const courier = addMailFunction(this, 'deliver-outbound', {
      code,
      memoryMiB: 512,
      timeout: Duration.minutes(15),
      environment: { ...mailEnvironment(this, network === undefined ? {} : { 'server.hostname': network.hostname }), PENNYPOST_ENVIRONMENTS: String(this.choices.deliverAtOnce) },
      allowances: [...consume(this, 'delivery'), useTable(this), ...useBlobs(this, [...ofTransit, ...ofNotes]), sendTo(this, ['inbound', 'outbound', 'delivery'])],
      ...place,
    })
    addConsumer(this, 'delivery', courier, this.choices.deliverAtOnce)
  }

  /** SES signs with keys of its own, beside those of `pennypost domain add`; three records prove the domain to it. */
  #addSes(zone: MailZone): void {
    const { domain } = this.choices
    const identity = new EmailIdentity(this, 'Identity', { identity: Identity.domain(domain) })
    const hosted = zone.name === domain ? hostedZone(this, zone) : undefined
    for (const [index, { name, value }] of identity.dkimRecords.entries()) {
      if (hosted === undefined) new CfnOutput(this, `Record${index + 1}`, { description: 'DNS record to publish', value: `${name}. CNAME ${value}.` })
      else new CnameRecord(this, `Dkim${index + 1}`, { zone: hosted, recordName: `${name}.`, domainName: value })
    }
    for (const { id, description, value } of askProduction(this.choices, this.region)) new CfnOutput(this, id, { description, value })
  }
}
