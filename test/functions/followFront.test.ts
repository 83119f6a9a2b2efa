import assert from 'node:assert/strict'
import { after, before, describe, it, mock } from 'node:test'
import { systemClock } from '#lib/base/clock.ts'
import type { LogEvent } from '#lib/base/log.ts'
import { startEmulator } from '../engine/aws/emulators.ts'
import type { Emulator } from '../engine/aws/emulators.ts'
import { makeHandler } from '../../functions/follow-front/handler.ts'
import type { TaskEvent, TaskStateChange } from '../../functions/follow-front/handler.ts'
import { makeTasks } from '../../functions/follow-front/tasks.ts'
import { makeSignedCall } from '#lib/engine/aws/signedCall.ts'
import type { CallRequest, SignedCall } from '#lib/engine/aws/signedCall.ts'
import { makeZone } from '../../functions/zone.ts'
import type { Zone, ZoneRecord } from '../../functions/zone.ts'
import { context, silentVoice } from './fakes.ts'

const cluster = 'arn:aws:ecs:us-east-1:123456789012:cluster/pennypost'

/** An event as EventBridge sends it, shortened in what nobody reads. */
const changed = (lastStatus: string): TaskEvent & { readonly detail: TaskStateChange & Record<string, unknown> } & Record<string, unknown> => ({
  version: '0',
  id: '3317b2af-7005-947d-b652-f55e762e571a',
  'detail-type': 'ECS Task State Change',
  source: 'aws.ecs',
  account: '123456789012',
  time: '2026-11-25T17:57:58Z',
  region: 'us-east-1',
  resources: ['arn:aws:ecs:us-east-1:123456789012:task/pennypost/c13b4cb40f1f4fe4a2971f76ae5a47ad'],
  detail: {
    attachments: [{ id: '1789bcae-ddfb-4d10-8ebe-8ac87ddba5b8', type: 'eni', status: 'ATTACHED', details: [{ name: 'subnetId', value: 'subnet-0abcd1234' }, { name: 'networkInterfaceId', value: 'eni-0abcd1234' }] }],
    clusterArn: cluster,
    group: 'service:pennypost-front',
    lastStatus,
    desiredStatus: 'RUNNING',
    launchType: 'FARGATE',
    version: 3,
  },
})

interface FakeTask {
  readonly interface: string
  readonly lastStatus: string
  readonly desiredStatus: string
}

/** ECS and EC2 as far as they are asked, in their own words. */
function fakeAccount(tasks: readonly FakeTask[], addresses: Readonly<Record<string, string>>): { call: SignedCall; asked: CallRequest[] } {
  const asked: CallRequest[] = []
  const call: SignedCall = async (request) => {
    asked.push(request)
    const target = request.headers?.['x-amz-target'] ?? ''
    if (target.endsWith('.ListTasks')) return JSON.stringify({ taskArns: tasks.map((_, index) => `${cluster}/task/${index}`) })
    if (target.endsWith('.DescribeTasks')) return JSON.stringify({ failures: [], tasks: tasks.map((task) => ({ lastStatus: task.lastStatus, desiredStatus: task.desiredStatus, attachments: [{ type: 'ElasticNetworkInterface', details: [{ name: 'networkInterfaceId', value: task.interface }, { name: 'privateIPv4Address', value: '10.25.0.7' }] }] })) })
    const id = new URLSearchParams(request.body).get('NetworkInterfaceId.1') ?? ''
    const address = addresses[id]
    const association = address === undefined ? '' : `<association><ipOwnerId>amazon</ipOwnerId><publicIp>${address}</publicIp></association>`
    return `<DescribeNetworkInterfacesResponse><networkInterfaceSet><item><networkInterfaceId>${id}</networkInterfaceId><privateIpAddress>10.25.0.7</privateIpAddress>${association}</item></networkInterfaceSet></DescribeNetworkInterfacesResponse>`
  }
  return { call, asked }
}

async function follow(tasks: readonly FakeTask[], addresses: Readonly<Record<string, string>>, event = changed('RUNNING')) {
  const { call, asked } = fakeAccount(tasks, addresses)
  const upsert = mock.fn<Zone['upsert']>(async () => undefined)
  const events: LogEvent[] = []
  const voice = silentVoice(events)
  await makeHandler(async () => ({ voice, log: voice.log, hostname: 'mail.example.com', tasks: makeTasks({ call, region: 'us-east-1' }), zone: { upsert } }))(event, context())
  return { records: upsert.mock.calls.map((each) => each.arguments[0]), events, asked }
}

const running = { lastStatus: 'RUNNING', desiredStatus: 'RUNNING' }

describe('follow-front', () => {
  it('lets the name of the front lead to the public address of its task', async () => {
    const { records, asked } = await follow([{ interface: 'eni-1', ...running }], { 'eni-1': '203.0.113.5' })
    assert.deepEqual(records, [{ name: 'mail.example.com', type: 'A', ttlSeconds: 60, weighted: { id: 'task', weight: 0 }, values: ['203.0.113.5'] }])
    assert.deepEqual(JSON.parse(asked[0]?.body ?? ''), { cluster, serviceName: 'pennypost-front', desiredStatus: 'RUNNING' })
  })

  it('names both while one task takes over, and no longer the one that was told to stop', async () => {
    const addresses = { 'eni-1': '203.0.113.5', 'eni-2': '203.0.113.4' }
    const both = await follow([{ interface: 'eni-1', ...running }, { interface: 'eni-2', ...running }], addresses)
    assert.deepEqual(both.records[0]?.values, ['203.0.113.4', '203.0.113.5'])
    const one = await follow([{ interface: 'eni-1', lastStatus: 'RUNNING', desiredStatus: 'STOPPED' }, { interface: 'eni-2', ...running }], addresses, changed('STOPPED'))
    assert.deepEqual(one.records[0]?.values, ['203.0.113.4'])
  })

  it('does not believe a late event of a task that is gone: it asks where the front is now', async () => {
    const { records } = await follow([{ interface: 'eni-2', ...running }], { 'eni-1': '203.0.113.5', 'eni-2': '203.0.113.4' }, changed('RUNNING'))
    assert.deepEqual(records[0]?.values, ['203.0.113.4'])
  })

  it('leaves the name where it was while there is no front, or none with an address yet', async () => {
    for (const tasks of [[], [{ interface: 'eni-1', lastStatus: 'PENDING', desiredStatus: 'RUNNING' }], [{ interface: 'eni-none', ...running }]]) {
      const { records, events } = await follow(tasks, { 'eni-1': '203.0.113.5' })
      assert.deepEqual(records, [])
      assert.deepEqual(events.map(({ event }) => event), ['front-away'])
    }
  })

  it('fails when it may not look, so that it is called again', async () => {
    const call: SignedCall = async () => assert.fail('ecs answered 403')
    const voice = silentVoice()
    const handler = makeHandler(async () => ({ voice, log: voice.log, hostname: 'mail.example.com', tasks: makeTasks({ call, region: 'us-east-1' }), zone: { upsert: async () => undefined } }))
    await assert.rejects(handler(changed('RUNNING'), context()), /403/)
  })
})

const moto = await startEmulator('moto')
describe('calls without the SDK, on an emulated account', { skip: typeof moto === 'string' ? moto : false }, () => {
  const { endpoint } = moto as Emulator
  const call = makeSignedCall({ accessKeyId: 'test', secretAccessKey: 'test' })
  const askEc2 = async (parameters: Record<string, string>): Promise<string> =>
    await call({ service: 'ec2', region: 'us-east-1', method: 'POST', url: new URL(endpoint), headers: { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' }, body: new URLSearchParams({ Version: '2016-11-15', ...parameters }).toString() })
  let zoneId = ''
  before(async () => {
    const made = await call({ service: 'route53', region: 'us-east-1', method: 'POST', url: new URL('/2013-04-01/hostedzone', endpoint), headers: { 'content-type': 'application/xml' }, body: '<CreateHostedZoneRequest xmlns="https://route53.amazonaws.com/doc/2013-04-01/"><Name>example.com</Name><CallerReference>1</CallerReference></CreateHostedZoneRequest>' })
    zoneId = /<Id>\/hostedzone\/(\w+)<\/Id>/.exec(made)?.[1] ?? ''
  })
  after(() => (moto as Emulator).stop())
  const list = (): Promise<string> => call({ service: 'route53', region: 'us-east-1', method: 'GET', url: new URL(`/2013-04-01/hostedzone/${zoneId}/rrset`, endpoint) })

  it('a record is put into a zone, replaced, and taken out', async () => {
    const zone = makeZone({ call, clock: systemClock, zoneId, endpoint })
    const record: ZoneRecord = { name: 'mail.example.com', type: 'A', ttlSeconds: 60, weighted: { id: 'task', weight: 0 }, values: ['203.0.113.4'] }
    await zone.upsert(record)
    await zone.upsert({ ...record, values: ['203.0.113.5', '203.0.113.6'] })
    const listed = await list()
    assert.match(listed, /<Name>mail\.example\.com\.<\/Name>/)
    assert.match(listed, /<SetIdentifier>task<\/SetIdentifier>[\s\S]*<Weight>0<\/Weight>|<Weight>0<\/Weight>[\s\S]*<SetIdentifier>task<\/SetIdentifier>/)
    assert.match(listed, /203\.0\.113\.5/)
    assert.doesNotMatch(listed, /203\.0\.113\.4/)
    const proof: ZoneRecord = { name: '_acme-challenge.mail.example.com', type: 'TXT', ttlSeconds: 10, values: ['"one"', '"two"'] }
    await zone.publish(proof)
    assert.match(await list(), /_acme-challenge/)
    await zone.remove(proof)
    assert.doesNotMatch(await list(), /_acme-challenge/)
  })

  it('the public address of a network interface is found', async () => {
    const value = (text: string, tag: string): string => new RegExp(`<${tag}>([^<]+)</${tag}>`).exec(text)?.[1] ?? ''
    const vpcId = value(await askEc2({ Action: 'CreateVpc', CidrBlock: '10.25.0.0/24' }), 'vpcId')
    const subnetId = value(await askEc2({ Action: 'CreateSubnet', VpcId: vpcId, CidrBlock: '10.25.0.0/26' }), 'subnetId')
    const networkInterface = value(await askEc2({ Action: 'CreateNetworkInterface', SubnetId: subnetId }), 'networkInterfaceId')
    const allocated = await askEc2({ Action: 'AllocateAddress', Domain: 'vpc' })
    await askEc2({ Action: 'AssociateAddress', AllocationId: value(allocated, 'allocationId'), NetworkInterfaceId: networkInterface })
    const { call: ecs } = fakeAccount([{ interface: networkInterface, ...running }], {})
    const both: SignedCall = (request) => (request.service === 'ecs' ? ecs(request) : call(request))
    assert.deepEqual(await makeTasks({ call: both, region: 'us-east-1', endpoint }).addresses({ cluster, service: 'pennypost-front' }), [value(allocated, 'publicIp')])
  })
})
