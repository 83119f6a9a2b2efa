/** A network in two fixed zones, from which table and bucket are reached by gateway endpoints, which cost nothing. */
import { GatewayVpcEndpointAwsService, Vpc } from 'aws-cdk-lib/aws-ec2'
import type { IVpc, VpcProps } from 'aws-cdk-lib/aws-ec2'
import { acknowledge } from './acknowledge.ts'
import type { MailStack } from './mailStack.ts'

export function addNetwork(stack: MailStack, props: VpcProps): IVpc {
  const vpc = new Vpc(stack, 'Network', {
    maxAzs: 2,
    gatewayEndpoints: { table: { service: GatewayVpcEndpointAwsService.DYNAMODB }, bucket: { service: GatewayVpcEndpointAwsService.S3 } },
    // It would take a function of its own to empty the default group, which nothing here uses.
    restrictDefaultSecurityGroup: false,
    ...props,
  })
  acknowledge(vpc, { 'AwsSolutions-VPC7': 'Each connection, in and out, is logged with its addresses by whoever makes or takes it; flow logs would say it again at $0.50 a gigabyte.' })
  acknowledge(vpc, { 'CloudFormation-Validate::W3010': 'Zones are chosen once and stay (`-c zones=a,b`): names that AWS hands out in another order would replace every subnet.' })
  // The declarations of CDK do not meet exactOptionalPropertyTypes; a Vpc is an IVpc.
  return vpc as IVpc
}
