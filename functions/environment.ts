/** Variables that functions read, with a clear word about those that are missing. */
import type { Environment } from '#lib/engine/aws/environment.ts'
import type { Credentials } from '#lib/engine/aws/signedCall.ts'

/** @throws {Error} when it is not set */
export function demandVariable(environment: Environment, name: string): string {
  const value = environment[name]
  if (value === undefined || value === '') throw new Error(`the environment lacks ${name}`)
  return value
}

/** Lambda puts the role's credentials and region there. */
export function readCredentials(environment: Environment): Credentials & { readonly region: string } {
  return {
    accessKeyId: demandVariable(environment, 'AWS_ACCESS_KEY_ID'),
    secretAccessKey: demandVariable(environment, 'AWS_SECRET_ACCESS_KEY'),
    sessionToken: environment['AWS_SESSION_TOKEN'],
    region: demandVariable(environment, 'AWS_REGION'),
  }
}
