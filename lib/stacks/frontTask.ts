/** The task of the front: one container that may do what the protocols need, and keeps nothing. */
import { Duration, RemovalPolicy } from 'aws-cdk-lib'
import { CpuArchitecture, FargateTaskDefinition, LogDrivers, OperatingSystemFamily } from 'aws-cdk-lib/aws-ecs'
import type { ContainerImage } from 'aws-cdk-lib/aws-ecs'
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam'
import { LogGroup } from 'aws-cdk-lib/aws-logs'
import { acknowledge } from './acknowledge.ts'
import { mailEnvironment } from './environment.ts'
import { retentionOf } from './logDays.ts'
import { Places } from './mailStack.ts'
import type { MailStack } from './mailStack.ts'
import { healthPort, mailPorts } from './ports.ts'
import { allow, ofMailboxes, ofNotes, ofTransit, sendTo, useBlobs, useTable } from './permissions.ts'

/** The most Fargate waits between SIGTERM and SIGKILL; the server is done within 108 (containers/front/main.ts). */
const stopTimeout = Duration.seconds(120)

/** Run inside the container, which holds Node and nothing else that could ask. */
const healthCheck = `fetch('http://127.0.0.1:${healthPort}/health').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))`

/** @param settings of the server that depend on how connections reach it */
export function addFrontTask(stack: MailStack, image: ContainerImage, settings: Readonly<Record<string, string>>): FargateTaskDefinition {
  const { names, choices } = stack
  const logGroup = new LogGroup(stack, 'Log-front', { logGroupName: names.log('front'), retention: retentionOf(choices.logDays), removalPolicy: RemovalPolicy.DESTROY })
  const task = new FargateTaskDefinition(stack, 'Task', {
    family: names.service(choices.mode),
    cpu: choices.cpu,
    memoryLimitMiB: choices.memoryMiB,
    runtimePlatform: { cpuArchitecture: CpuArchitecture.ARM64, operatingSystemFamily: OperatingSystemFamily.LINUX },
    taskRole: addTaskRole(stack),
  })
  task.addContainer('front', {
    image,
    environment: { ...mailEnvironment(stack, settings), PENNYPOST_BELLS: names.bells },
    portMappings: [...mailPorts, healthPort].map((containerPort) => ({ containerPort })),
    readonlyRootFilesystem: true,
    // The server is no root, and its ports are below 1024.
    systemControls: [{ namespace: 'net.ipv4.ip_unprivileged_port_start', value: '0' }],
    stopTimeout,
    healthCheck: { command: ['CMD', 'node', '-e', healthCheck], interval: Duration.seconds(60), timeout: Duration.seconds(10), retries: 3, startPeriod: Duration.seconds(60) },
    logging: LogDrivers.awsLogs({ logGroup, streamPrefix: 'front' }),
  })
  acknowledge(task, {
    'AwsSolutions-ECS2': 'The variables are names of resources and settings; there is no secret among them.',
    'AwsSolutions-IAM5[Resource::*]': 'A token for the registry (ecr:GetAuthorizationToken) is for the whole account; AWS knows no resource for it. The image itself is allowed by its repository.',
  })
  return task
}

function addTaskRole(stack: MailStack): Role {
  const places = new Places(stack)
  const role = new Role(stack, 'Role-front', { assumedBy: new ServicePrincipal('ecs-tasks.amazonaws.com'), description: 'What the tasks of the front may do' })
  allow(role, [
    useTable(stack),
    ...useBlobs(stack, [...ofMailboxes, ...ofTransit, ...ofNotes]),
    { actions: ['s3:GetObject'], resources: [`${places.bucket}/tls/certificate.pem`] },
    sendTo(stack, ['inbound', 'outbound']),
    { actions: ['sqs:CreateQueue', 'sqs:GetQueueUrl', 'sqs:SendMessage', 'sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:DeleteQueue'], resources: [places.bells], because: 'A front task makes a queue for itself, to be told of new mail, and rings those of others; their names end in what only the task knows.' },
  ])
  return role
}
