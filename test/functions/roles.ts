/** What the roles of the stacks may do, read from the templates. */
import { resourcesOf, synthesise } from '../stacks/synthesised.ts'
import type { DeploySettings } from '#lib/stacks/choices.ts'

interface Statement {
  readonly Effect: 'Allow' | 'Deny'
  readonly Action: string | readonly string[]
  readonly Resource: unknown
}

export interface Rights {
  /** @param arn of the account and region that the templates are made for */
  allow(role: string, action: string, arn: string): boolean
}

/** @param settings of the deployment. A role goes by its function's verb, or `front`. */
export function readRights(settings: DeploySettings): Rights {
  const deployment = synthesise(settings)
  const policies = resourcesOf(deployment, 'AWS::IAM::Policy').map(([, { Properties }]) => Properties as { PolicyDocument: { Statement: Statement[] }; Roles: { Ref: string }[] })
  const statementsOf = (role: string): Statement[] => {
    const id = new RegExp(`^Role${role.replaceAll('-', '')}[0-9A-F]{8}$`)
    return policies.filter(({ Roles }) => Roles.some(({ Ref }) => id.test(Ref))).flatMap(({ PolicyDocument }) => PolicyDocument.Statement)
  }
  return {
    allow: (role, action, arn) => {
      const fitting = statementsOf(role).filter(({ Action, Resource }) => listOf(Action).some((one) => fits(String(one), action)) && listOf(Resource).some((one) => fits(textOf(one), arn)))
      return fitting.some(({ Effect }) => Effect === 'Allow') && !fitting.some(({ Effect }) => Effect === 'Deny')
    },
  }
}

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? (value as unknown[]) : [value])

const fits = (pattern: string, text: string): boolean => new RegExp(`^${pattern.replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*')}$`).test(text)

/** CloudFormation's own words for text, as far as ARNs use them. */
function textOf(value: unknown): string {
  if (typeof value === 'string') return value
  const { Ref, 'Fn::Join': joined } = value as { Ref?: string; 'Fn::Join'?: [string, unknown[]] }
  if (joined !== undefined) return joined[1].map(textOf).join(joined[0])
  return Ref === 'AWS::Partition' ? 'aws' : '<elsewhere>'
}
