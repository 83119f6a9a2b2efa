/** One function of functions/: its code, log, role, and how it is told where things are. */
import { RemovalPolicy } from 'aws-cdk-lib'
import type { Duration } from 'aws-cdk-lib'
import type { ISecurityGroup, IVpc, SubnetSelection } from 'aws-cdk-lib/aws-ec2'
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam'
import { Architecture, Function as LambdaFunction, Runtime, SystemLogLevel, ApplicationLogLevel, LoggingFormat } from 'aws-cdk-lib/aws-lambda'
import type { Code } from 'aws-cdk-lib/aws-lambda'
import { LogGroup } from 'aws-cdk-lib/aws-logs'
import { acknowledge } from './acknowledge.ts'
import type { MailStack } from './mailStack.ts'
import { retentionOf } from './logDays.ts'
import type { FunctionVerb } from './names.ts'
import { allow } from './permissions.ts'
import type { Allowance } from './permissions.ts'

/** Where the code of a function comes from: its bundle, or a stand-in where only templates are looked at. */
export type CodeOf = (verb: FunctionVerb) => Code

export interface MailFunctionProps {
  readonly code: CodeOf
  readonly memoryMiB: number
  readonly timeout: Duration
  readonly environment: Readonly<Record<string, string>>
  readonly allowances: readonly Allowance[]
  readonly network?: { readonly vpc: IVpc; readonly subnets: SubnetSelection; readonly securityGroup: ISecurityGroup }
}

export function addMailFunction(stack: MailStack, verb: FunctionVerb, { code, memoryMiB, timeout, environment, allowances, network }: MailFunctionProps): LambdaFunction {
  const logGroup = new LogGroup(stack, `Log-${verb}`, { logGroupName: stack.names.log(verb), retention: retentionOf(stack.choices.logDays), removalPolicy: RemovalPolicy.DESTROY })
  const role = new Role(stack, `Role-${verb}`, { assumedBy: new ServicePrincipal('lambda.amazonaws.com'), description: `What ${stack.names.function(verb)} may do` })
  logGroup.grantWrite(role)
  allow(role, [...allowances, ...(network === undefined ? [] : [networkInterfaces])])
  const made = new LambdaFunction(stack, `Function-${verb}`, {
    functionName: stack.names.function(verb),
    description: `Pennypost: functions/${verb}`,
    runtime: Runtime.NODEJS_24_X,
    architecture: Architecture.ARM_64,
    handler: 'handler.handler',
    code: code(verb),
    memorySize: memoryMiB,
    timeout,
    role,
    logGroup,
    // Lambda's own lines of each invocation would be most of the log; ours pass whatever their level, which server.logLevel has chosen.
    loggingFormat: LoggingFormat.JSON,
    applicationLogLevelV2: ApplicationLogLevel.TRACE,
    systemLogLevelV2: SystemLogLevel.WARN,
    environment: { ...environment },
    ...(network === undefined ? {} : { vpc: network.vpc, vpcSubnets: network.subnets, securityGroups: [network.securityGroup] }),
  })
  acknowledge(made, { 'Serverless-LambdaTracing': 'A trace costs $5 a million, as much as five messages checked and filed; each step logs the queue id of its message instead.' })
  return made
}

const networkInterfaces: Allowance = {
  actions: ['ec2:CreateNetworkInterface', 'ec2:DescribeNetworkInterfaces', 'ec2:DeleteNetworkInterface', 'ec2:AssignPrivateIpAddresses', 'ec2:UnassignPrivateIpAddresses'],
  resources: ['*'],
  because: 'Lambda makes and finds the network interfaces of a function in a VPC itself; AWS demands these rights on every resource.',
}
