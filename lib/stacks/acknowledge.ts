/** What the checks of cdk-nag say of a construct and why it stays: each acknowledgement carries its reason. */
import { Stack, Validations } from 'aws-cdk-lib'
import type { IConstruct } from 'constructs'

/** Rule by rule, for this construct and what is inside it. */
export function acknowledge(construct: IConstruct, reasons: Readonly<Record<string, string>>): void {
  Validations.of(construct).acknowledge(...Object.entries(reasons).map(([id, reason]) => ({ id, reason })))
}

/** A resource with a wildcard in it, as AwsSolutions-IAM5 names it. */
export function wildcardRule(construct: IConstruct, resource: string): string {
  return `AwsSolutions-IAM5[Resource::${flatten(Stack.of(construct).resolve(resource))}]`
}

function flatten(value: unknown): string {
  if (typeof value === 'string') return value
  const { Ref: ref, 'Fn::Join': join } = value as { Ref?: string; 'Fn::Join'?: [string, unknown[]] }
  return join === undefined ? `<${ref ?? ''}>` : join[1].map(flatten).join(join[0])
}
