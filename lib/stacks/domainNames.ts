/** Rights on a DNS zone: single names and types in it, nothing else. */
import type { MailStack } from './mailStack.ts'
import type { Allowance } from './permissions.ts'
import { zoneId } from './storage.ts'
import type { MailZone } from './storage.ts'

export function changeRecords(stack: MailStack, zone: MailZone, { names, type }: { readonly names: readonly string[]; readonly type: 'A' | 'TXT' }): Allowance {
  return {
    actions: ['route53:ChangeResourceRecordSets'],
    resources: [`arn:${stack.partition}:route53:::hostedzone/${zoneId(stack, zone)}`],
    conditions: { 'ForAllValues:StringEquals': { 'route53:ChangeResourceRecordSetsNormalizedRecordNames': names, 'route53:ChangeResourceRecordSetsRecordTypes': [type] } },
  }
}
