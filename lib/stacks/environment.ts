/** What every function and the front are told: where things are, and the settings of the mail system. */
import type { MailStack } from './mailStack.ts'
import { Places } from './mailStack.ts'
import { settingsText } from './choices.ts'
import { queueNames } from './names.ts'

/** `own` settings come before the operator's, which win. */
export function mailEnvironment(stack: MailStack, own: Readonly<Record<string, string>> = {}): Record<string, string> {
  const { names, choices } = stack
  const places = new Places(stack)
  const queues = queueNames.flatMap((name): [string, string][] => [
    [`PENNYPOST_QUEUE_${name.toUpperCase()}`, places.queueUrl(names.queue(name))],
    [`PENNYPOST_DEAD_${name.toUpperCase()}`, places.queueUrl(names.deadLetters(name))],
  ])
  return {
    PENNYPOST_TABLE: places.tableName,
    PENNYPOST_BUCKET: places.bucketName,
    ...Object.fromEntries(queues),
    PENNYPOST_SETTINGS: settingsText({ 'server.hostname': choices.hostname, ...own, ...choices.mail }),
  }
}
