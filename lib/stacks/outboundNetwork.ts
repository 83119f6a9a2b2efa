/**
 * The network of direct delivery: two private subnets whose way out is one machine with one fixed address.
 * Table and bucket are reached without it, by gateway endpoints, which cost nothing.
 */
import { CfnOutput } from 'aws-cdk-lib'
import { CfnEIP, CfnEIPAssociation, InstanceClass, InstanceSize, InstanceType, IpAddresses, MachineImage, AmazonLinuxCpuType, NatProvider, NatTrafficDirection, Peer, Port, SecurityGroup, SubnetType, CpuCredits } from 'aws-cdk-lib/aws-ec2'
import type { IVpc, NatInstanceProviderV2 } from 'aws-cdk-lib/aws-ec2'
import { ARecord, RecordTarget, TxtRecord } from 'aws-cdk-lib/aws-route53'
import { acknowledge } from './acknowledge.ts'
import { addAlarm, metricOf } from './alarms.ts'
import { askPort25 } from './asks.ts'
import type { MailStack } from './mailStack.ts'
import type { MailFunctionProps } from './mailFunction.ts'
import { addNetwork } from './network.ts'
import { hostedZone } from './storage.ts'
import type { MailZone } from './storage.ts'

/** 256 addresses: 64 for each subnet. */
const range = '10.26.0.0/24'

export class OutboundNetwork {
  /** The name of the fixed address: what we say in EHLO, and what its PTR record has to say. */
  readonly hostname: string
  readonly forFunctions: NonNullable<MailFunctionProps['network']>

  constructor(stack: MailStack, zone: MailZone) {
    this.hostname = `out.${stack.choices.hostname}`
    const address = new CfnEIP(stack, 'Address', { domain: 'vpc', tags: [{ key: 'Name', value: this.hostname }] })
    const nat = stack.choices.nat === 'instance' ? natInstance() : undefined
    const vpc = addNetwork(stack, {
      ipAddresses: IpAddresses.cidr(range),
      natGateways: 1,
      natGatewayProvider: nat ?? NatProvider.gateway({ eipAllocationIds: [address.attrAllocationId] }),
      subnetConfiguration: [
        { name: 'way-out', subnetType: SubnetType.PUBLIC, cidrMask: 26, mapPublicIpOnLaunch: nat !== undefined },
        { name: 'deliver', subnetType: SubnetType.PRIVATE_WITH_EGRESS, cidrMask: 26 },
      ],
    })
    const securityGroup = this.#addSecurityGroup(stack, vpc)
    if (nat !== undefined) this.#watchInstance(stack, nat, address)
    this.forFunctions = { vpc, subnets: { subnetType: SubnetType.PRIVATE_WITH_EGRESS }, securityGroup }
    this.#publish(stack, zone, address)
  }

  #addSecurityGroup(stack: MailStack, vpc: IVpc): SecurityGroup {
    const group = new SecurityGroup(stack, 'Deliver', { vpc, description: 'deliver-outbound: mail to other servers, and the services of AWS', allowAllOutbound: false })
    for (const [port, what] of [[25, 'other mail servers'], [587, 'smarthosts'], [465, 'smarthosts'], [443, 'services of AWS']] as const) group.addEgressRule(Peer.anyIpv4(), Port.tcp(port), what)
    return group
  }

  /** The address is tied to the instance by a resource of its own, so that a new instance, or a gateway, gets the old address. */
  #watchInstance(stack: MailStack, nat: NatInstanceProviderV2, address: CfnEIP): void {
    nat.securityGroup.addIngressRule(Peer.ipv4(range), Port.tcp(25), 'deliveries')
    for (const port of [587, 465, 443]) nat.securityGroup.addIngressRule(Peer.ipv4(range), Port.tcp(port), 'deliveries')
    for (const instance of nat.gatewayInstances) {
      new CfnEIPAssociation(stack, 'AddressOfInstance', { allocationId: address.attrAllocationId, instanceId: instance.instanceId })
      addAlarm(stack, { name: stack.names.alarm('outbound', 'nat'), means: 'The NAT instance fails its checks: mail to others waits in its queue. AWS restarts the machine by itself; else deploy again with nat=gateway.', metric: metricOf('AWS/EC2', 'StatusCheckFailed', { InstanceId: instance.instanceId }, 'Maximum'), above: 0, periods: 2, silenceIsBad: true })
      acknowledge(instance, {
        'AwsSolutions-EC28': 'Status checks come each minute without detailed monitoring, and nothing else is watched.',
        'AwsSolutions-EC29': 'The instance keeps nothing: deploying makes another one with the same address.',
        'AwsSolutions-EC26': 'The volume holds the operating system alone; no mail is written to it.',
      })
    }
  }

  #publish(stack: MailStack, zone: MailZone, address: CfnEIP): void {
    const hosted = hostedZone(stack, zone)
    new ARecord(stack, 'OutboundName', { zone: hosted, recordName: `${this.hostname}.`, target: RecordTarget.fromIpAddresses(address.attrPublicIp) })
    // RFC 7208 §2.3: bounces have no sender's domain, so the name in EHLO is what is checked.
    new TxtRecord(stack, 'OutboundSpf', { zone: hosted, recordName: `${this.hostname}.`, values: ['v=spf1 a -all'] })
    for (const { id, description, value } of askPort25({ hostname: this.hostname, address: address.attrPublicIp, allocation: address.attrAllocationId, region: stack.region })) new CfnOutput(stack, id, { description, value })
  }
}

function natInstance(): NatInstanceProviderV2 {
  return NatProvider.instanceV2({
    instanceType: InstanceType.of(InstanceClass.T4G, InstanceSize.NANO),
    machineImage: MachineImage.latestAmazonLinux2023({ cpuType: AmazonLinuxCpuType.ARM_64 }),
    defaultAllowedTraffic: NatTrafficDirection.OUTBOUND_ONLY,
    creditSpecification: CpuCredits.STANDARD,
  })
}
