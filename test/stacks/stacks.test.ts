/** What the templates say. `node --test --test-update-snapshots test/stacks/stacks.test.ts` writes the snapshots anew. */
import assert from 'node:assert/strict'
import { globSync, readFileSync, readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, it } from 'node:test'
import { Match } from 'aws-cdk-lib/assertions'
import type { Template } from 'aws-cdk-lib/assertions'
import { App, Stack } from 'aws-cdk-lib'
import { Bucket } from 'aws-cdk-lib/aws-s3'
import { AwsSolutionsChecks, ServerlessChecks } from 'cdk-nag'
import { functionVerbs, queueVerbs } from '#lib/stacks/names.ts'
import { stsPolicy, stsRecord } from '#lib/stacks/pageTexts.ts'
import { showTemplates } from './snapshot.ts'
import { resourcesOf, synthesise } from './synthesised.ts'
import type { Deployment, Resource } from './synthesised.ts'

const lean = synthesise({ contact: 'owner@example.net' })
const ha = synthesise({ mode: 'ha', outbound: 'direct', zone: 'Z0123456789', events: true, contact: 'owner@example.net', mail: { 'smtp.maxMessageBytes': '25MiB' } })
const both: readonly (readonly [name: string, deployment: Deployment])[] = [
  ['lean', lean],
  ['ha', ha],
]
const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

function part(deployment: Deployment, name: string): Template {
  const template = deployment.templates.get(name)
  assert.ok(template !== undefined, `there is a stack ${name}`)
  return template
}

interface Statement {
  readonly Effect: string
  readonly Action: string | string[]
  readonly Resource: unknown
  readonly Condition?: unknown
}

function statementsOf(deployment: Deployment): [role: string, statement: Statement][] {
  return resourcesOf(deployment, 'AWS::IAM::Policy').flatMap(([, { Properties: properties }]) => {
    const { Roles: roles, PolicyDocument: document } = properties as unknown as { Roles: { Ref: string }[]; PolicyDocument: { Statement: Statement[] } }
    return document.Statement.map((statement): [string, Statement] => [roles[0]?.Ref ?? '', statement])
  })
}

const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : [value])
const actionsOf = (statements: [string, Statement][], role: string): unknown[] => statements.filter(([who, { Effect }]) => who.startsWith(role) && Effect === 'Allow').flatMap(([, { Action }]) => listOf(Action))

describe('every deployment', () => {
  for (const [name, deployment] of both) {
    it(`${name}: its templates are those of the snapshot`, (t) => {
      t.assert.fileSnapshot(showTemplates(deployment), here(`snapshots/${name}.txt`), { serializers: [(text: string) => text] })
    })

    it(`${name}: cdk-nag finds nothing that is not acknowledged`, () => {
      const violations = [new AwsSolutionsChecks(deployment.app), new ServerlessChecks(deployment.app)].flatMap((pack) => pack.validateScope(deployment.app).violations)
      assert.deepEqual(violations.map(({ ruleName, violatingResources }) => `${ruleName}: ${violatingResources.map(({ constructPath }) => constructPath).join(' ')}`), [])
    })

    it(`${name}: table and bucket outlive the stack, and so does a zone made here`, () => {
      for (const type of ['AWS::DynamoDB::Table', 'AWS::S3::Bucket', 'AWS::Route53::HostedZone'])
        for (const [id, resource] of resourcesOf(deployment, type)) assert.deepEqual([resource.DeletionPolicy, resource.UpdateReplacePolicy], ['Retain', 'Retain'], id)
      assert.deepEqual(deployment.protectedParts, ['storage', 'pipeline'])
    })

    it(`${name}: no right is for every action, and a star among resources stands only where AWS knows nothing narrower`, () => {
      const everywhere = ['ec2:', 'ecs:ListTasks', 'dynamodb:ListStreams', 'ecr:GetAuthorizationToken']
      for (const [role, { Effect, Action, Resource: resource }] of statementsOf(deployment)) {
        for (const action of listOf(Action)) assert.doesNotMatch(String(action), /\*/, role)
        if (Effect === 'Allow' && listOf(resource).includes('*')) for (const action of listOf(Action)) assert.ok(everywhere.some((known) => String(action).startsWith(known)), `${role}: ${String(action)} on *`)
      }
    })

    it(`${name}: each may touch its own kinds of objects, and nobody who handles mail the keys of TLS`, () => {
      const all = ['index/*', 'mail/*', 'queue/*', 'snapshot/*', 'transit/*']
      const expected: Readonly<Record<string, readonly string[]>> = { checkinbound: all, lookupmx: ['queue/*', 'transit/*'], deliveroutbound: ['queue/*', 'transit/*'], sweepdue: ['queue/*'], renewcertificate: ['tls/*'], front: [...all, 'tls/certificate.pem'].sort() }
      const objects = statementsOf(deployment).flatMap(([role, { Action, Resource: resource }]) => listOf(resource).filter((one) => /^arn:aws:s3:::[^/]+\//.test(String(one))).map((one) => ({ role: role.replace(/^Role|DefaultPolicy.*$|[0-9A-F]{8}$/g, ''), object: String(one).replace(/^[^/]*\//, ''), actions: listOf(Action).map(String) })))
      for (const [role, kinds] of Object.entries(expected)) assert.deepEqual(objects.filter((one) => one.role === role).map(({ object }) => object).sort(), kinds, role)
      assert.deepEqual([...new Set(objects.map(({ role }) => role))].sort(), Object.keys(expected).sort())
      assert.deepEqual(objects.filter(({ object, actions }) => object.startsWith('tls/') && actions.includes('s3:PutObject')).map(({ role }) => role), ['renewcertificate'])
      assert.deepEqual(objects.filter(({ object, actions }) => object.startsWith('tls/') && actions.includes('s3:DeleteObject')), [])
    })

    it(`${name}: a function, its log, its queue, its dead letters and its alarms bear the verb of its folder`, () => {
      const namesOf = (type: string, property: string): unknown[] => resourcesOf(deployment, type).map(([, { Properties: properties }]) => properties?.[property]).sort()
      const verbs = namesOf('AWS::Lambda::Function', 'FunctionName').map((full) => String(full).replace('pennypost-', ''))
      for (const verb of verbs) assert.ok(readdirSync(here('../../functions')).includes(verb), `there is a folder functions/${verb}`)
      assert.deepEqual(namesOf('AWS::Logs::LogGroup', 'LogGroupName').filter((log) => log !== '/pennypost/front'), verbs.map((verb) => `/pennypost/${verb}`))
      for (const verb of Object.values(queueVerbs)) assert.ok(['', '-dead'].every((end) => namesOf('AWS::SQS::Queue', 'QueueName').includes(`pennypost-${verb}${end}`)), verb)
      for (const alarm of namesOf('AWS::CloudWatch::Alarm', 'AlarmName')) assert.match(String(alarm), new RegExp(`^pennypost-(${functionVerbs.join('|')}|front|outbound)-[a-z-]+$`))
    })

    it(`${name}: every function runs Node 24 on arm64, is told where things are, and has a time-out below its queue's`, () => {
      for (const [id, { Properties: properties }] of resourcesOf(deployment, 'AWS::Lambda::Function')) {
        const { Runtime: runtime, Architectures: architectures, Environment: environment, Timeout: timeout, FunctionName: full } = properties as Record<string, unknown> & { Environment: { Variables: Record<string, string> }; Timeout: number }
        assert.deepEqual([runtime, architectures], ['nodejs24.x', ['arm64']], id)
        const { PENNYPOST_TABLE: table, PENNYPOST_BUCKET: bucket, PENNYPOST_QUEUE_DELIVERY: delivery, PENNYPOST_DEAD_INBOUND: dead, PENNYPOST_SETTINGS: settings } = environment.Variables
        assert.deepEqual([table, bucket, delivery, dead], ['pennypost', 'pennypost-111122223333-us-east-1', 'https://sqs.us-east-1.amazonaws.com/111122223333/pennypost-deliver-outbound', 'https://sqs.us-east-1.amazonaws.com/111122223333/pennypost-check-inbound-dead'])
        assert.match(settings ?? '', /^server\.hostname = /)
        const queue = resourcesOf(deployment, 'AWS::SQS::Queue').find(([, resource]) => resource.Properties?.['QueueName'] === full)?.[1].Properties as { VisibilityTimeout: number } | undefined
        if (queue !== undefined) assert.ok(queue.VisibilityTimeout >= timeout, id)
      }
    })

    it(`${name}: nothing is reached without TLS, and no queue or bucket lies open`, () => {
      const covered = (type: string): number => resourcesOf(deployment, type).filter(([, resource]) => JSON.stringify(resource.Properties).includes('"aws:SecureTransport":"false"')).length
      assert.equal(covered('AWS::SQS::QueuePolicy'), resourcesOf(deployment, 'AWS::SQS::Queue').length)
      assert.equal(covered('AWS::S3::BucketPolicy'), 1)
      assert.equal(covered('AWS::SNS::TopicPolicy'), 1)
    })

    it(`${name}: no stack is bound by another: there are no exports`, () => {
      for (const [stack, template] of deployment.templates) assert.doesNotMatch(JSON.stringify(template.toJSON()), /Fn::ImportValue|"Export"/, stack)
    })

    it(`${name}: every alarm is told to the topic`, () => {
      const alarms = resourcesOf(deployment, 'AWS::CloudWatch::Alarm')
      for (const [id, { Properties: properties }] of alarms) assert.deepEqual(properties?.['AlarmActions'], ['arn:aws:sns:us-east-1:111122223333:pennypost-alarms'], id)
      // Ten alarms are free, each further one costs ten cents a month.
      assert.ok(alarms.length <= 13, `${alarms.length} alarms`)
    })
  }

  it('the checks do find what is wrong', () => {
    const app = new App()
    new Bucket(new Stack(app, 'Careless'), 'Bucket')
    assert.ok(new AwsSolutionsChecks(app).validateScope(app).violations.some(({ ruleName }) => ruleName === 'AwsSolutions-S10'))
  })
})

describe('storage', () => {
  it('the table is restorable to the second, protected, on demand, and streams what is written', () => {
    part(lean, 'storage').hasResourceProperties('AWS::DynamoDB::Table', {
      TableName: 'pennypost',
      BillingMode: 'PAY_PER_REQUEST',
      DeletionProtectionEnabled: true,
      PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true, RecoveryPeriodInDays: 35 },
      StreamSpecification: { StreamViewType: 'NEW_IMAGE' },
      KeySchema: [
        { AttributeName: 'pk', KeyType: 'HASH' },
        { AttributeName: 'sk', KeyType: 'RANGE' },
      ],
      GlobalSecondaryIndexes: Match.absent(),
    })
  })

  it('objects deleted come back for a week, and parts of broken uploads are not paid for', () => {
    part(lean, 'storage').hasResourceProperties('AWS::S3::Bucket', {
      VersioningConfiguration: { Status: 'Enabled' },
      PublicAccessBlockConfiguration: { BlockPublicAcls: true, BlockPublicPolicy: true, IgnorePublicAcls: true, RestrictPublicBuckets: true },
      BucketEncryption: Match.anyValue(),
      LifecycleConfiguration: { Rules: Match.arrayWith([Match.objectLike({ NoncurrentVersionExpiration: { NoncurrentDays: 7 }, AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 } })]) },
    })
  })

  it('a restored table can take the place of the own one, which stays', () => {
    const restored = synthesise({ table: 'pennypost-tuesday' })
    part(restored, 'storage').hasResourceProperties('AWS::DynamoDB::Table', { TableName: 'pennypost' })
    for (const [id, { Properties: properties }] of resourcesOf(restored, 'AWS::Lambda::Function')) assert.equal((properties as { Environment: { Variables: Record<string, string> } }).Environment.Variables['PENNYPOST_TABLE'], 'pennypost-tuesday', id)
    const tables = statementsOf(restored).flatMap(([, { Resource: resource }]) => listOf(resource)).filter((one) => String(one).includes(':dynamodb:'))
    assert.deepEqual([...new Set(tables)], ['arn:aws:dynamodb:us-east-1:111122223333:table/pennypost-tuesday'])
  })

  it('a zone is made for the server alone, unless one is named', () => {
    part(lean, 'storage').hasResourceProperties('AWS::Route53::HostedZone', { Name: 'mail.example.com.' })
    part(lean, 'storage').hasOutput('AskDelegation', {})
    part(ha, 'storage').resourceCountIs('AWS::Route53::HostedZone', 0)
  })
})

describe('pipeline', () => {
  for (const [queue, verb] of Object.entries(queueVerbs))
    it(`${queue} has dead letters and a consumer that answers for each note of ten`, () => {
      part(lean, 'pipeline').hasResourceProperties('AWS::SQS::Queue', { QueueName: `pennypost-${verb}`, RedrivePolicy: { maxReceiveCount: 20, deadLetterTargetArn: Match.anyValue() }, MaximumMessageSize: 1_048_576, MessageRetentionPeriod: 1_209_600 })
      part(lean, queue === 'inbound' ? 'pipeline' : 'outbound').hasResourceProperties('AWS::Lambda::EventSourceMapping', { EventSourceArn: `arn:aws:sqs:us-east-1:111122223333:pennypost-${verb}`, BatchSize: 10, FunctionResponseTypes: ['ReportBatchItemFailures'], ScalingConfig: { MaximumConcurrency: verb === 'look-up-mx' ? 5 : 20 }, MaximumBatchingWindowInSeconds: Match.absent() })
    })

  it('deferred mail is swept each minute, and the certificate is looked at each day', () => {
    for (const [name, rate] of [
      ['sweep-due', 'rate(1 minute)'],
      ['renew-certificate', 'rate(1 day)'],
    ])
      part(lean, 'pipeline').hasResourceProperties('AWS::Events::Rule', { Name: `pennypost-${name}`, ScheduleExpression: rate, Targets: [Match.objectLike({ DeadLetterConfig: Match.anyValue() })] })
  })

  it('who renews the certificate can prove that one name and write under tls/, nothing else', () => {
    const mine = statementsOf(lean).filter(([role]) => role.startsWith('Rolerenewcertificate'))
    const change = mine.find(([, { Action }]) => Action === 'route53:ChangeResourceRecordSets')?.[1]
    assert.deepEqual(change?.Condition, { 'ForAllValues:StringEquals': { 'route53:ChangeResourceRecordSetsNormalizedRecordNames': ['_acme-challenge.mail.example.com'], 'route53:ChangeResourceRecordSetsRecordTypes': ['TXT'] } })
    assert.deepEqual(mine.filter(([, { Action }]) => listOf(Action).includes('s3:PutObject')).map(([, { Resource: resource }]) => resource), ['arn:aws:s3:::pennypost-111122223333-us-east-1/tls/*'])
    assert.ok(actionsOf(statementsOf(lean), 'Rolerenewcertificate').every((action) => !String(action).startsWith('dynamodb:')))
  })

  it('events are read from the stream when they are wanted, entries of account logs alone', () => {
    part(lean, 'pipeline').resourceCountIs('AWS::Events::EventBus', 0)
    part(ha, 'pipeline').hasResourceProperties('AWS::Lambda::EventSourceMapping', { BisectBatchOnFunctionError: true, DestinationConfig: { OnFailure: Match.anyValue() }, FilterCriteria: { Filters: [{ Pattern: '{"eventName":["INSERT"],"dynamodb":{"Keys":{"pk":{"S":[{"prefix":"mail/"}]},"sk":{"S":[{"prefix":"e"}]}}}}' }] } })
    assert.deepEqual(actionsOf(statementsOf(ha), 'Rolerecordevents').filter((action) => String(action).startsWith('dynamodb:Put')), [])
  })
})

describe('front', () => {
  const containerOf = (deployment: Deployment): Record<string, unknown> => {
    const [found] = resourcesOf(deployment, 'AWS::ECS::TaskDefinition')
    return (found?.[1].Properties as { ContainerDefinitions: Record<string, unknown>[] }).ContainerDefinitions[0] ?? {}
  }
  const settingsOf = (deployment: Deployment): string => (containerOf(deployment)['Environment'] as { Name: string; Value: string }[]).find(({ Name }) => Name === 'PENNYPOST_SETTINGS')?.Value ?? ''

  it('the container writes nothing to its disk, is no root on low ports, and has two minutes to stop', () => {
    const { ReadonlyRootFilesystem: readOnly, StopTimeout: stop, SystemControls: controls, Privileged: privileged } = containerOf(lean)
    assert.deepEqual([readOnly, stop, controls, privileged], [true, 120, [{ Namespace: 'net.ipv4.ip_unprivileged_port_start', Value: '0' }], undefined])
  })

  it('lean: one task with a public address, found by a function that may change that one record', () => {
    part(lean, 'front').hasResourceProperties('AWS::ECS::Service', { DesiredCount: 1, LaunchType: 'FARGATE', NetworkConfiguration: { AwsvpcConfiguration: { AssignPublicIp: 'ENABLED' } } })
    part(lean, 'front').hasResourceProperties('AWS::Events::Rule', { EventPattern: { source: ['aws.ecs'], detail: { group: ['service:pennypost-front'], lastStatus: ['RUNNING', 'STOPPED'] } } })
    const change = statementsOf(lean).find(([role, { Action }]) => role.startsWith('Rolefollowfront') && Action === 'route53:ChangeResourceRecordSets')?.[1]
    assert.match(JSON.stringify(change), /\["mail\.example\.com"\].*\["A"\]/)
    part(lean, 'front').resourceCountIs('AWS::ElasticLoadBalancingV2::LoadBalancer', 0)
  })

  it('lean: the service comes after who follows it, so that its first address is seen', () => {
    const [service] = resourcesOf(lean, 'AWS::ECS::Service')
    assert.ok((service?.[1] as Resource & { DependsOn: string[] }).DependsOn.some((id) => id.startsWith('Rulefollowfront')))
  })

  it('lean: seven doors are open to everyone, and health and metrics are not among them', () => {
    const [group] = resourcesOf(lean, 'AWS::EC2::SecurityGroup')
    const ports = (group?.[1].Properties as { SecurityGroupIngress: { FromPort: number; CidrIp: string }[] }).SecurityGroupIngress.map(({ FromPort }) => FromPort)
    assert.deepEqual(ports.toSorted((one, other) => one - other), [25, 110, 143, 465, 587, 993, 995])
  })

  it('ha: two tasks in two zones, one of them on Spot', () => {
    part(ha, 'front').hasResourceProperties('AWS::ECS::Service', { DesiredCount: 2, CapacityProviderStrategy: [{ Base: 1, CapacityProvider: 'FARGATE', Weight: 0 }, { CapacityProvider: 'FARGATE_SPOT', Weight: 1 }] })
    assert.deepEqual(resourcesOf(ha, 'AWS::EC2::Subnet').map(([, { Properties: properties }]) => properties?.['AvailabilityZone']), ['us-east-1a', 'us-east-1b', 'us-east-1a', 'us-east-1b', 'us-east-1a', 'us-east-1b'])
  })

  it('lean can become ha and the other way: services, their doors and the records of the name stand side by side meanwhile', () => {
    const [one, other] = both.map(([, deployment]) => resourcesOf(deployment, 'AWS::ECS::Service').map(([id, { Properties: properties }]) => [id, properties?.['ServiceName']]))
    for (const place of [0, 1]) assert.notEqual(one?.[0]?.[place], other?.[0]?.[place])
    const groups = both.map(([, deployment]) => Object.keys(part(deployment, 'front').findResources('AWS::EC2::SecurityGroup')))
    assert.deepEqual(groups[0]?.filter((id) => groups[1]?.includes(id)), [])
    part(ha, 'front').hasResourceProperties('AWS::Route53::RecordSet', { Name: 'mail.example.com.', SetIdentifier: 'balancer', Weight: 1 })
    const [service] = resourcesOf(ha, 'AWS::ECS::Service')
    const [capacity] = resourcesOf(ha, 'AWS::ECS::ClusterCapacityProviderAssociations')
    assert.ok((service?.[1] as Resource & { DependsOn: string[] }).DependsOn.includes(capacity?.[0] ?? ''), 'the service goes before what gives it capacity')
  })

  it('ha: the balancer passes TCP through for 6,000 s of silence and says by PROXY v2 who speaks', () => {
    const listeners = resourcesOf(ha, 'AWS::ElasticLoadBalancingV2::Listener')
    assert.equal(listeners.length, 5, 'a service takes five target groups at most')
    for (const [, { Properties: properties }] of listeners) assert.deepEqual([properties?.['Protocol'], properties?.['ListenerAttributes']], ['TCP', [{ Key: 'tcp.idle_timeout.seconds', Value: '6000' }]])
    for (const [id, { Properties: properties }] of resourcesOf(ha, 'AWS::ElasticLoadBalancingV2::TargetGroup')) {
      const attributes = Object.fromEntries((properties?.['TargetGroupAttributes'] as { Key: string; Value: string }[]).map(({ Key, Value }) => [Key, Value]))
      assert.deepEqual([attributes['proxy_protocol_v2.enabled'], attributes['preserve_client_ip.enabled']], ['true', 'false'], id)
    }
    assert.match(settingsOf(ha), /^server\.proxyTrusted = 10\.25\.0\.0\/24$/m)
    assert.doesNotMatch(settingsOf(lean), /proxyTrusted/)
  })

  it('ha: tasks take connections from the balancer alone', () => {
    for (const [id, { Properties: properties }] of resourcesOf(ha, 'AWS::EC2::SecurityGroupIngress')) assert.ok(properties?.['SourceSecurityGroupId'] !== undefined && properties['CidrIp'] === undefined, id)
  })

  it('the settings chosen for the mail system reach functions and front', () => {
    assert.match(settingsOf(ha), /^smtp\.maxMessageBytes = 25MiB$/m)
    part(ha, 'pipeline').hasResourceProperties('AWS::Lambda::Function', { FunctionName: 'pennypost-check-inbound', Environment: { Variables: { PENNYPOST_SETTINGS: 'server.hostname = mail.example.com\nsmtp.maxMessageBytes = 25MiB' } } })
  })
})

describe('outbound', () => {
  it('smarthost: no network of ours, and SES knows the domain', () => {
    part(lean, 'outbound').resourceCountIs('AWS::EC2::VPC', 0)
    part(lean, 'outbound').hasResourceProperties('AWS::SES::EmailIdentity', { EmailIdentity: 'example.com' })
    part(lean, 'outbound').hasOutput('AskSesProduction', {})
  })

  it('direct: deliveries leave by one fixed address with a name of its own, to mail ports and AWS', () => {
    part(ha, 'outbound').hasResourceProperties('AWS::Lambda::Function', { FunctionName: 'pennypost-deliver-outbound', VpcConfig: Match.anyValue(), Environment: { Variables: Match.objectLike({ PENNYPOST_SETTINGS: Match.stringLikeRegexp('^server.hostname = out.mail.example.com\n'), PENNYPOST_ENVIRONMENTS: '20' }) } })
    part(ha, 'outbound').resourceCountIs('AWS::EC2::EIP', 1)
    part(ha, 'outbound').hasResourceProperties('AWS::EC2::EIPAssociation', { InstanceId: Match.anyValue() })
    part(ha, 'outbound').hasResourceProperties('AWS::Route53::RecordSet', { Name: 'out.mail.example.com.', Type: 'A' })
    part(ha, 'outbound').hasResourceProperties('AWS::EC2::SecurityGroup', { SecurityGroupEgress: [25, 587, 465, 443].map((port) => Match.objectLike({ FromPort: port, ToPort: port })) })
    for (const ask of ['AskPort25', 'AskReverseDns']) part(ha, 'outbound').hasOutput(ask, {})
  })

  it('direct with a gateway: the same address, and no instance', () => {
    const gateway = synthesise({ outbound: 'direct', nat: 'gateway' })
    part(gateway, 'outbound').resourceCountIs('AWS::EC2::Instance', 0)
    part(gateway, 'outbound').hasResourceProperties('AWS::EC2::NatGateway', { AllocationId: { 'Fn::GetAtt': ['Address', 'AllocationId'] } })
  })
})

describe('domain', () => {
  it('publishes the records where the zone is ours', () => {
    const records = resourcesOf(ha, 'AWS::Route53::RecordSet').map(([, { Properties: properties }]) => `${String(properties?.['Type'])} ${String(properties?.['Name'])} ${String((properties?.['ResourceRecords'] as unknown[] | undefined)?.[0])}`)
    assert.ok(records.includes('MX example.com. 10 mail.example.com.'))
    assert.ok(records.includes('TXT example.com. "v=spf1 a:out.mail.example.com -all"'))
    assert.ok(records.includes('SRV _imaps._tcp.example.com. 0 1 993 mail.example.com.'))
  })

  it('prints them where it is not', () => {
    const outputs = Object.values((part(lean, 'domain').toJSON() as { Outputs: Record<string, { Value: string }> }).Outputs).map(({ Value }) => Value)
    assert.ok(outputs.includes('example.com. MX 10 mail.example.com.'))
    assert.ok(outputs.includes('example.com. TXT "v=spf1 include:amazonses.com -all"'))
  })
})

describe('pages', () => {
  it('the MTA-STS policy and the settings of clients are there where the zone is ours, under names with a certificate', () => {
    part(lean, 'domain').resourceCountIs('AWS::ApiGateway::RestApi', 0)
    const pages = resourcesOf(ha, 'AWS::ApiGateway::Method').map(([, { Properties: properties }]) => JSON.stringify(properties?.['Integration']))
    assert.ok(pages.some((page) => page.includes(JSON.stringify('version: STSv1\r\nmode: testing\r\nmx: mail.example.com\r\nmax_age: 604800\r\n'))))
    assert.ok(pages.some((page) => page.includes('<hostname>mail.example.com</hostname><port>993</port>')))
    assert.deepEqual(resourcesOf(ha, 'AWS::ApiGateway::DomainName').map(([, { Properties: properties }]) => properties?.['DomainName']).sort(), ['autoconfig.example.com', 'mta-sts.example.com'])
    part(ha, 'domain').hasResourceProperties('AWS::CertificateManager::Certificate', { DomainName: 'mta-sts.example.com', SubjectAlternativeNames: ['autoconfig.example.com'], ValidationMethod: 'DNS' })
  })

  it('the record of the policy changes with the policy', () => {
    assert.match(stsRecord(stsPolicy('testing', 'mail.example.com')), /^v=STSv1; id=[0-9a-f]{24}$/)
    assert.notEqual(stsRecord(stsPolicy('testing', 'mail.example.com')), stsRecord(stsPolicy('enforce', 'mail.example.com')))
    part(ha, 'domain').hasResourceProperties('AWS::Route53::RecordSet', { Name: '_mta-sts.example.com.', Type: 'TXT', ResourceRecords: [`"${stsRecord(stsPolicy('testing', 'mail.example.com'))}"`] })
  })
})

describe('the engine and its permissions', () => {
  /** Operations whose right bears another name. */
  const rights: Readonly<Record<string, readonly string[]>> = {
    HeadObject: ['s3:GetObject'],
    ListObjectsV2: ['s3:ListBucket'],
    CreateMultipartUpload: ['s3:PutObject'],
    UploadPart: ['s3:PutObject'],
    CompleteMultipartUpload: ['s3:PutObject'],
    TransactWriteItems: ['dynamodb:PutItem', 'dynamodb:DeleteItem', 'dynamodb:ConditionCheckItem'],
  }

  it('every operation that the engine calls is allowed to someone', () => {
    const allowed = new Set(statementsOf(ha).flatMap(([, { Action }]) => listOf(Action).map(String)))
    const operations = new Set(globSync('*.ts', { cwd: here('../../lib/engine/aws') }).flatMap((file) => [...readFileSync(here(`../../lib/engine/aws/${file}`), 'utf8').matchAll(/new (\w+?)(?:Batch)?Command\(/g)].map(([, operation = '']) => operation)))
    assert.ok(operations.size >= 15, [...operations].join())
    for (const operation of operations) {
      const wanted = rights[operation] ?? ['dynamodb', 's3', 'sqs', 'events'].map((service) => `${service}:${operation}`).filter((right) => allowed.has(right)).slice(0, 1)
      assert.ok(wanted.length > 0 && wanted.every((right) => allowed.has(right)), `nobody may ${operation}`)
    }
  })
})

describe('watch', () => {
  it('docs/runbook.md says of each alarm what to do, and of no others', () => {
    const page = readFileSync(here('../../docs/runbook.md'), 'utf8')
    const told = [...page.matchAll(/^### (pennypost-[a-z-]+)$/gm)].map(([, name]) => name)
    const made = both.flatMap(([, deployment]) => resourcesOf(deployment, 'AWS::CloudWatch::Alarm').map(([, { Properties: properties }]) => properties?.['AlarmName']))
    assert.deepEqual(told.toSorted(), [...new Set(made)].sort())
  })

  it('alarms and spending reach the contact, and only AWS itself may publish', () => {
    part(lean, 'watch').hasResourceProperties('AWS::SNS::Subscription', { Protocol: 'email', Endpoint: 'owner@example.net' })
    part(lean, 'watch').hasResourceProperties('AWS::Budgets::Budget', { Budget: { BudgetLimit: { Amount: 30, Unit: 'USD' } }, NotificationsWithSubscribers: Match.arrayWith([Match.objectLike({ Notification: { NotificationType: 'FORECASTED' } })]) })
    part(lean, 'watch').hasResourceProperties('AWS::SNS::TopicPolicy', { PolicyDocument: { Statement: Match.arrayWith([Match.objectLike({ Principal: { Service: ['budgets.amazonaws.com', 'cloudwatch.amazonaws.com'] }, Condition: { StringEquals: { 'aws:SourceAccount': '111122223333' } } })]) } })
  })
})
