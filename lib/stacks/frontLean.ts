/**
 * The lean front: one task with a public address of its own, and a function that lets the server's name follow it.
 * While one task takes over from another both are named; clients find the new one within the minute that the record lives.
 */
import { Duration } from 'aws-cdk-lib'
import { Peer, Port, SecurityGroup, SubnetType } from 'aws-cdk-lib/aws-ec2'
import { AvailabilityZoneRebalancing, FargateService } from 'aws-cdk-lib/aws-ecs'
import type { ICluster } from 'aws-cdk-lib/aws-ecs'
import type { Rule } from 'aws-cdk-lib/aws-events'
import { acknowledge } from './acknowledge.ts'
import { addCause } from './cause.ts'
import { changeRecords } from './domainNames.ts'
import { mailEnvironment } from './environment.ts'
import type { FrontPlace, FrontProps } from './front.ts'
import { addFrontTask } from './frontTask.ts'
import { addMailFunction } from './mailFunction.ts'
import type { MailStack } from './mailStack.ts'
import { mailPorts } from './ports.ts'
import { zoneId } from './storage.ts'

export function addLeanFront(stack: MailStack, { vpc, cluster }: FrontPlace, props: FrontProps): void {
  const securityGroup = new SecurityGroup(stack, 'Doors', { vpc, description: 'Mail from everywhere; out to the services of AWS, and to DNS' })
  for (const port of mailPorts) securityGroup.addIngressRule(Peer.anyIpv4(), Port.tcp(port), 'mail')
  acknowledge(securityGroup, { 'AwsSolutions-EC23': 'A mail server takes connections from everywhere, on the ports of mail and no others.' })
  const service = new FargateService(stack, 'Service', {
    serviceName: stack.names.service('lean'),
    cluster,
    taskDefinition: addFrontTask(stack, props.image, {}),
    desiredCount: 1,
    minHealthyPercent: 100,
    maxHealthyPercent: 200,
    assignPublicIp: true,
    vpcSubnets: { subnetType: SubnetType.PUBLIC },
    securityGroups: [securityGroup],
    circuitBreaker: { rollback: true },
    // A single task is in one zone anyhow; moving it about would only end sessions.
    availabilityZoneRebalancing: AvailabilityZoneRebalancing.DISABLED,
  })
  // The first task's event must find somebody who listens.
  service.node.addDependency(addFollowFront(stack, cluster, props))
}

function addFollowFront(stack: MailStack, cluster: ICluster, { code, zone }: FrontProps): Rule {
  const follower = addMailFunction(stack, 'follow-front', {
    code,
    memoryMiB: 256,
    timeout: Duration.minutes(2),
    environment: { ...mailEnvironment(stack), PENNYPOST_ZONE: zoneId(stack, zone) },
    allowances: [
      { actions: ['ecs:ListTasks'], resources: ['*'], conditions: { ArnEquals: { 'ecs:cluster': cluster.clusterArn } }, because: 'Tasks are listed for a cluster, which AWS lets be said as a condition only.' },
      { actions: ['ecs:DescribeTasks'], resources: [`arn:${stack.partition}:ecs:${stack.region}:${stack.account}:task/${stack.names.cluster}/*`], because: 'Tasks get their names when they start; these are those of our cluster.' },
      { actions: ['ec2:DescribeNetworkInterfaces'], resources: ['*'], because: 'AWS knows no resource for looking at network interfaces; nothing can be changed by it.' },
      changeRecords(stack, zone, { names: [stack.choices.hostname], type: 'A' }),
    ],
  })
  return addCause(stack, 'follow-front', follower, {
    when: { eventPattern: { source: ['aws.ecs'], detailType: ['ECS Task State Change'], detail: { clusterArn: [cluster.clusterArn], group: [`service:${stack.names.service('lean')}`], lastStatus: ['RUNNING', 'STOPPED'] } } },
    why: 'The name of the server follows the task of the front',
    retryAttempts: 2,
    failuresBorne: 0,
    means: `The name of the server may point to an address that is no longer ours: follow-front failed. See its log; a new deployment of the service ${stack.names.service('lean')} calls it again.`,
  })
}
