/** Where the tasks of a service can be reached: ECS knows their network interfaces, EC2 the public addresses of these. */
import type { SignedCall } from '#lib/engine/aws/signedCall.ts'

export interface Service {
  /** ARN or name. */
  readonly cluster: string
  readonly service: string
}

export interface Tasks {
  /** Public IPv4 addresses of all tasks that run and are not told to stop. */
  addresses(service: Service): Promise<string[]>
}

export interface TasksDeps {
  readonly call: SignedCall
  readonly region: string
  /** Absent: AWS's own. */
  readonly endpoint?: string
}

interface Task {
  readonly lastStatus?: string
  readonly desiredStatus?: string
  readonly attachments?: readonly { readonly type?: string; readonly details?: readonly { readonly name?: string; readonly value?: string }[] }[]
}

/** DescribeTasks takes no more; a front has one task, or two. */
const mostTasks = 100

export function makeTasks({ call, region, endpoint }: TasksDeps): Tasks {
  const url = (service: string): URL => new URL(endpoint ?? `https://${service}.${region}.amazonaws.com/`)
  const askEcs = async (action: string, input: object): Promise<unknown> => {
    const headers = { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': `AmazonEC2ContainerServiceV20141113.${action}` }
    return JSON.parse(await call({ service: 'ecs', region, method: 'POST', url: url('ecs'), headers, body: JSON.stringify(input) })) as unknown
  }
  const addressOf = async (networkInterface: string): Promise<string[]> => {
    const body = new URLSearchParams({ Action: 'DescribeNetworkInterfaces', Version: '2016-11-15', 'NetworkInterfaceId.1': networkInterface }).toString()
    const answer = await call({ service: 'ec2', region, method: 'POST', url: url('ec2'), headers: { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' }, body })
    const [, address] = /<publicIp>([0-9.]+)<\/publicIp>/.exec(answer) ?? []
    return address === undefined ? [] : [address]
  }
  return {
    addresses: async ({ cluster, service }) => {
      const { taskArns } = (await askEcs('ListTasks', { cluster, serviceName: service, desiredStatus: 'RUNNING' })) as { taskArns: string[] }
      if (taskArns.length === 0) return []
      const { tasks } = (await askEcs('DescribeTasks', { cluster, tasks: taskArns.slice(0, mostTasks) })) as { tasks: Task[] }
      const interfaces = tasks.filter(({ lastStatus, desiredStatus }) => lastStatus === 'RUNNING' && desiredStatus === 'RUNNING').flatMap(interfacesOf)
      return (await Promise.all(interfaces.map(addressOf))).flat()
    },
  }
}

function interfacesOf({ attachments = [] }: Task): string[] {
  return attachments.flatMap(({ details = [] }) => details.filter(({ name }) => name === 'networkInterfaceId').flatMap(({ value }) => (value === undefined ? [] : [value])))
}
