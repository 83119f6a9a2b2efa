/**
 * What only AWS can name (a zone's id, a stream), handed from one stack to others by a parameter of the account.
 * Unlike an export it binds nobody: who gave it may change or go while others still read it.
 */
import { StringParameter } from 'aws-cdk-lib/aws-ssm'
import type { MailStack } from './mailStack.ts'

export type SharedName = 'table-stream' | 'zone'

export function share(stack: MailStack, name: SharedName, value: string): void {
  new StringParameter(stack, `Shared-${name}`, { parameterName: `/${stack.choices.stack}/${name}`, stringValue: value, description: `Pennypost: ${name}` })
}

/** Read when the stack is deployed, not when it is synthesised. */
export function shared(stack: MailStack, name: SharedName): string {
  return StringParameter.valueForStringParameter(stack, `/${stack.choices.stack}/${name}`)
}
