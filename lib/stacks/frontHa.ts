/**
 * The front in two zones: a network load balancer that passes TCP through, one task on demand and one on Spot.
 * A task that Spot takes back drains as in any other stop; the other one goes on.
 */
import { Duration } from 'aws-cdk-lib'
import { Peer, Port, SecurityGroup, SubnetType } from 'aws-cdk-lib/aws-ec2'
import { FargateService, Protocol } from 'aws-cdk-lib/aws-ecs'
import { NetworkLoadBalancer, NetworkTargetGroup, Protocol as Passed, TargetType } from 'aws-cdk-lib/aws-elasticloadbalancingv2'
import { ARecord, RecordTarget } from 'aws-cdk-lib/aws-route53'
import { LoadBalancerTarget } from 'aws-cdk-lib/aws-route53-targets'
import { acknowledge } from './acknowledge.ts'
import type { FrontPlace, FrontProps } from './front.ts'
import { addFrontTask } from './frontTask.ts'
import type { MailStack } from './mailStack.ts'
import { balancedPorts, frontRange, healthPort } from './ports.ts'
import { hostedZone } from './storage.ts'

/** The most a TCP listener waits: clients in IDLE say something every 29 minutes (RFC 9051 §6.3.13), those of POP3 more often. */
const idle = Duration.seconds(6000)
/** New connections go elsewhere meanwhile; then the task is told to stop and ends its sessions itself. */
const deregistration = Duration.seconds(30)

export function addHaFront(stack: MailStack, { vpc, cluster }: FrontPlace, { image, zone }: FrontProps): void {
  const publicGroup = new SecurityGroup(stack, 'BalancerDoors', { vpc, description: 'Mail from everywhere to the balancer', allowAllOutbound: false })
  const taskGroup = new SecurityGroup(stack, 'Tasks', { vpc, description: 'Mail from the balancer; out to the services of AWS, and to DNS' })
  acknowledge(publicGroup, { 'AwsSolutions-EC23': 'A mail server takes connections from everywhere, on the ports of mail and no others.' })
  for (const port of [...balancedPorts, healthPort]) {
    if (port !== healthPort) publicGroup.addIngressRule(Peer.anyIpv4(), Port.tcp(port), 'mail')
    publicGroup.addEgressRule(taskGroup, Port.tcp(port), 'to the tasks')
    taskGroup.addIngressRule(publicGroup, Port.tcp(port), 'from the balancer')
  }
  const balancer = new NetworkLoadBalancer(stack, 'Balancer', { loadBalancerName: stack.names.service('ha'), vpc, internetFacing: true, crossZoneEnabled: true, securityGroups: [publicGroup], vpcSubnets: { subnetType: SubnetType.PUBLIC } })
  acknowledge(balancer, { 'AwsSolutions-ELB2': 'A network load balancer logs TLS listeners alone, and these pass TCP through; the server logs each connection.' })
  // Only the balancer has addresses in this range, and whoever comes from there must say whom it speaks for.
  const service = addService(stack, { vpc, cluster }, taskGroup, addFrontTask(stack, image, { 'server.proxyTrusted': frontRange }))
  for (const port of balancedPorts) addListener(stack, balancer, service, vpc, port)
  // Beside the record that follow-front may have left, whose weight is 0: with this one there, that one is never given.
  new ARecord(stack, 'Name', { zone: hostedZone(stack, zone), recordName: `${stack.choices.hostname}.`, target: RecordTarget.fromAlias(new LoadBalancerTarget(balancer)), setIdentifier: 'balancer', weight: 1 })
}

function addService(stack: MailStack, { cluster }: FrontPlace, securityGroup: SecurityGroup, taskDefinition: ReturnType<typeof addFrontTask>): FargateService {
  const service = new FargateService(stack, 'BalancedService', {
    serviceName: stack.names.service('ha'),
    cluster,
    taskDefinition,
    desiredCount: 2,
    minHealthyPercent: 50,
    maxHealthyPercent: 200,
    assignPublicIp: true,
    vpcSubnets: { subnetType: SubnetType.PUBLIC },
    securityGroups: [securityGroup],
    circuitBreaker: { rollback: true },
    healthCheckGracePeriod: Duration.minutes(2),
    capacityProviderStrategies: [
      { capacityProvider: 'FARGATE', base: 1, weight: 0 },
      { capacityProvider: 'FARGATE_SPOT', weight: 1 },
    ],
  })
  // A cluster does not let go of what gives capacity to a service that still is there.
  service.node.addDependency(cluster)
  return service
}

function addListener(stack: MailStack, balancer: NetworkLoadBalancer, service: FargateService, vpc: FrontPlace['vpc'], port: number): void {
  const group = new NetworkTargetGroup(stack, `Targets${port}`, {
    vpc,
    port,
    protocol: Passed.TCP,
    targetType: TargetType.IP,
    proxyProtocolV2: true,
    preserveClientIp: false,
    deregistrationDelay: deregistration,
    // One door answers for all: the checks carry a PROXY header as well, and no mail session is begun for them.
    healthCheck: { protocol: Passed.HTTP, port: String(healthPort), path: '/health', interval: Duration.seconds(30), healthyThresholdCount: 2, unhealthyThresholdCount: 2 },
    targets: [service.loadBalancerTarget({ containerName: 'front', containerPort: port, protocol: Protocol.TCP })],
  })
  balancer.addListener(`Listener${port}`, { port, protocol: Passed.TCP, tcpIdleTimeout: idle, defaultTargetGroups: [group] })
}
