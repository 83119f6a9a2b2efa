/**
 * What must outlive everything else: the table, the bucket, and the DNS zone if we make one.
 *
 * Invariants: nothing here is deleted with the stack, replaced by an update or reached without TLS; the stack itself is
 * protected. Everything else can be torn down and deployed again beside it.
 */
import { CfnOutput, Duration, Fn, RemovalPolicy } from 'aws-cdk-lib'
import { AttributeType, BillingMode, StreamViewType, Table } from 'aws-cdk-lib/aws-dynamodb'
import { HostedZone, PublicHostedZone } from 'aws-cdk-lib/aws-route53'
import type { IHostedZone } from 'aws-cdk-lib/aws-route53'
import { BlockPublicAccess, Bucket, BucketEncryption, ObjectOwnership } from 'aws-cdk-lib/aws-s3'
import type { Construct } from 'constructs'
import { acknowledge } from './acknowledge.ts'
import type { Choices } from './choices.ts'
import { MailStack, Places } from './mailStack.ts'
import type { Setting } from './mailStack.ts'
import { share, shared } from './shared.ts'

/** A Route 53 zone that holds the server's name: that of the domain, or of the server alone. */
export interface MailZone {
  readonly name: string
  /** Known before; that of a zone made here is shared (shared.ts). */
  readonly id?: string
}

export function zoneId(stack: MailStack, { id }: MailZone): string {
  return id ?? shared(stack, 'zone')
}

export function hostedZone(stack: MailStack, zone: MailZone): IHostedZone {
  return HostedZone.fromHostedZoneAttributes(stack, 'HostedZone', { hostedZoneId: zoneId(stack, zone), zoneName: zone.name })
}

/** The row's own end: DynamoDB removes rows (sessions) some time after it, and bills nothing for that. */
const endAttribute = 'ttl'

export class StorageStack extends MailStack {
  readonly zone: MailZone

  constructor(scope: Construct, setting: Setting) {
    super(scope, 'storage', setting, { terminationProtection: true, description: 'Pennypost: mailboxes and messages. Keep it.' })
    share(this, 'table-stream', this.#addTable(this.choices).tableStreamArn ?? '')
    this.#addBucket(this.choices)
    this.zone = this.#findZone(this.choices)
  }

  #addTable({ pointInTimeDays }: Choices): Table {
    return new Table(this, 'Table', {
      tableName: this.names.table,
      partitionKey: { name: 'pk', type: AttributeType.STRING },
      sortKey: { name: 'sk', type: AttributeType.STRING },
      billingMode: BillingMode.PAY_PER_REQUEST,
      stream: StreamViewType.NEW_IMAGE,
      timeToLiveAttribute: endAttribute,
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true, recoveryPeriodInDays: pointInTimeDays },
      deletionProtection: true,
      removalPolicy: RemovalPolicy.RETAIN,
    })
  }

  /**
   * Versions make a deleted or overwritten object come back, whoever deleted it. The mail system itself keeps removed
   * messages for mailbox.retentionMs, so versions live for days only: a gigabyte deleted costs half a cent more.
   */
  #addBucket({ undeleteDays }: Choices): void {
    const bucket = new Bucket(this, 'Bucket', {
      bucketName: new Places(this).bucketName,
      versioned: true,
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
      encryption: BucketEncryption.S3_MANAGED,
      enforceSSL: true,
      lifecycleRules: [
        { id: 'undelete', noncurrentVersionExpiration: Duration.days(undeleteDays), abortIncompleteMultipartUploadAfter: Duration.days(1) },
        { id: 'markers', expiredObjectDeleteMarker: true },
      ],
      removalPolicy: RemovalPolicy.RETAIN,
    })
    acknowledge(bucket, { 'AwsSolutions-S1': 'Access logs would cost a request and an object for each of ours, more than the mail itself, and name only our own functions; switch CloudTrail data events on where an audit demands them.' })
  }

  #findZone({ zone, domain, hostname }: Choices): MailZone {
    if (zone.startsWith('Z')) return { id: zone, name: domain }
    const name = zone === 'new' ? domain : hostname
    const made = new PublicHostedZone(this, 'Zone', { zoneName: name, comment: `Pennypost: ${name}` })
    // A zone made again gets other name servers, and the delegation would point nowhere.
    made.applyRemovalPolicy(RemovalPolicy.RETAIN)
    new CfnOutput(this, 'AskDelegation', { description: 'Who must delegate the zone that was made here', value: `Whoever holds the DNS above ${name} adds one NS record of ${name} for each of: ${Fn.join(' ', made.hostedZoneNameServers ?? [])}` })
    share(this, 'zone', made.hostedZoneId)
    return { name }
  }
}
