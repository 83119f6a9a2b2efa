/**
 * The front: who talks to clients and other servers, on public addresses.
 *
 * Tasks reach the table, the bucket and the queues by public subnets and gateway endpoints: no NAT. The key of TLS is
 * in the task alone; connections come to it as they are, and in *ha* with the client's address before them (PROXY v2).
 * The server's name is kept pointing here: by an alias of the balancer, or by follow-front.
 */
import { IpAddresses, SubnetType } from 'aws-cdk-lib/aws-ec2'
import type { IVpc } from 'aws-cdk-lib/aws-ec2'
import { Cluster, ContainerInsights } from 'aws-cdk-lib/aws-ecs'
import type { ContainerImage, ICluster } from 'aws-cdk-lib/aws-ecs'
import type { Construct } from 'constructs'
import { acknowledge } from './acknowledge.ts'
import { addAlarm, metricOf } from './alarms.ts'
import { addLeanFront } from './frontLean.ts'
import { addHaFront } from './frontHa.ts'
import type { CodeOf } from './mailFunction.ts'
import { MailStack } from './mailStack.ts'
import { addNetwork } from './network.ts'
import type { Setting } from './mailStack.ts'
import type { PipelineStack } from './pipeline.ts'
import { frontRange } from './ports.ts'
import type { MailZone } from './storage.ts'


export interface FrontProps {
  readonly code: CodeOf
  readonly image: ContainerImage
  readonly pipeline: PipelineStack
  readonly zone: MailZone
}

export interface FrontPlace {
  readonly vpc: IVpc
  readonly cluster: ICluster
}

export class FrontStack extends MailStack {
  constructor(scope: Construct, setting: Setting, props: FrontProps) {
    super(scope, 'front', setting, { description: 'Pennypost: SMTP, submission, IMAP and POP3.' })
    this.addStackDependency(props.pipeline)
    const place = this.#addPlace()
    if (this.choices.mode === 'ha') addHaFront(this, place, props)
    else addLeanFront(this, place, props)
    addAlarm(this, {
      name: this.names.alarm('front', 'down'),
      means: 'No front task has run for ten minutes: nobody can read mail, other servers try again later. See the events of the ECS service, and its log.',
      // Each running task sends its share of the processor every minute; there is no plainer figure that is free.
      metric: metricOf('AWS/ECS', 'CPUUtilization', { ClusterName: this.names.cluster, ServiceName: this.names.service(this.choices.mode) }, 'SampleCount'),
      below: 1,
      periods: 2,
      silenceIsBad: true,
    })
  }

  #addPlace(): FrontPlace {
    const vpc = addNetwork(this, {
      ipAddresses: IpAddresses.cidr(frontRange),
      natGateways: 0,
      subnetConfiguration: [{ name: 'front', subnetType: SubnetType.PUBLIC, cidrMask: 26 }],
    })
    // The declarations of CDK do not meet exactOptionalPropertyTypes; a cluster is an ICluster.
    const cluster = new Cluster(this, 'Cluster', { clusterName: this.names.cluster, vpc, containerInsightsV2: ContainerInsights.DISABLED, enableFargateCapacityProviders: this.choices.mode === 'ha' }) as ICluster
    acknowledge(cluster, { 'AwsSolutions-ECS4': 'Container Insights costs more a month than the task it watches; the free figures of the service are watched, and the server has metrics of its own.' })
    return { vpc, cluster }
  }
}
