/**
 * A deployment in AWS, opened for one command. Where its table, bucket and queues are and what its settings say, one of its
 * functions knows best: its own configuration is read, with the caller's credentials.
 */
import { systemClock } from '#lib/base/clock.ts'
import type { Log } from '#lib/base/log.ts'
import { defaultConfig } from '#lib/config.ts'
import type { Config } from '#lib/config.ts'
import { makeAwsClients } from '#lib/engine/aws/clients.ts'
import type { AwsClients } from '#lib/engine/aws/engine.ts'
import { readAwsNames } from '#lib/engine/aws/environment.ts'
import type { Environment } from '#lib/engine/aws/environment.ts'
import { openAwsEngine } from '#lib/engine/aws/open.ts'
import { CallError, makeSignedCall } from '#lib/engine/aws/signedCall.ts'
import type { Engine } from '#lib/engine/ports.ts'
import { namesOf } from '#lib/stacks/names.ts'
import { CommandError } from './commandError.ts'
import { demandSettings } from './settings.ts'
import type { DeployedSettings, SettingFlags } from './settings.ts'

export const defaultStack = 'pennypost'

/** @throws {CommandError} as {@link openDeployment} */
export async function readDeployedSettings({ stack = defaultStack }: SettingFlags, environment: Environment): Promise<DeployedSettings> {
  return settingsOf(stack, await readDeployment(stack, makeAwsClients(defaultConfig().aws), environment))
}

const settingsOf = (stack: string, deployed: Environment): DeployedSettings => ({ name: `deployment ${stack}`, text: deployed['PENNYPOST_SETTINGS'] ?? '' })

/** @throws {CommandError} without credentials or region, and when there is no such deployment */
export async function openDeployment(flags: SettingFlags, environment: Environment, log: Log): Promise<{ readonly config: Config; readonly engine: Engine }> {
  const stack = flags.stack ?? defaultStack
  const clients = makeAwsClients(defaultConfig().aws)
  const deployed = await readDeployment(stack, clients, environment)
  const { config } = demandSettings(flags, environment, settingsOf(stack, deployed))
  const engine = await openAwsEngine({ clients, names: readAwsNames(deployed), clock: systemClock, log, settings: { ...config.engine, ...config.aws } })
  return { config, engine }
}

/** The variables of the deployment's functions. */
async function readDeployment(stack: string, clients: AwsClients, environment: Environment): Promise<Environment> {
  const name = namesOf(stack).function('check-inbound')
  const { region, credentials } = await identify(clients)
  const url = new URL(`/2015-03-31/functions/${name}/configuration`, environment['AWS_ENDPOINT_URL'] ?? `https://lambda.${region}.amazonaws.com`)
  try {
    const answer = JSON.parse(await makeSignedCall(credentials)({ service: 'lambda', region, method: 'GET', url })) as { Environment?: { Variables?: Record<string, string> } }
    return answer.Environment?.Variables ?? {}
  } catch (error) {
    if (!(error instanceof CallError)) throw new CommandError(`AWS cannot be reached at ${url.host}: ${reasonOf(error as Error)}`)
    if (error.status === 404) throw new CommandError(`there is no deployment "${stack}" in ${region}: name it with --stack, choose another region or account with AWS_REGION and AWS_PROFILE, or deploy it first`)
    throw new CommandError(`the deployment "${stack}" cannot be asked for (this needs lambda:GetFunctionConfiguration of ${name}): ${error.message}`)
  }
}

/** `fetch failed` alone says nothing. */
function reasonOf({ message, cause }: Error): string {
  return cause instanceof Error && cause.message !== '' ? cause.message : message
}

/** As the SDK finds them: environment, profile, single sign-on. */
async function identify({ sqs: { config } }: AwsClients) {
  try {
    return { region: await config.region(), credentials: await config.credentials() }
  } catch (error) {
    throw new CommandError(`no AWS account to work on: ${(error as Error).message} (set AWS_PROFILE and AWS_REGION, or log in with the AWS command line)`)
  }
}
