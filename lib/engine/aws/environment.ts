/** The names of an account's table, bucket and queues as the stacks give them to functions, the front and the command. */
import type { AwsNames } from './engine.ts'

export type Environment = Readonly<Record<string, string | undefined>>

/** Every variable that {@link readAwsNames} reads. */
export const nameVariables = {
  table: 'PENNYPOST_TABLE',
  bucket: 'PENNYPOST_BUCKET',
  inbound: 'PENNYPOST_QUEUE_INBOUND',
  outbound: 'PENNYPOST_QUEUE_OUTBOUND',
  delivery: 'PENNYPOST_QUEUE_DELIVERY',
  deadInbound: 'PENNYPOST_DEAD_INBOUND',
  deadOutbound: 'PENNYPOST_DEAD_OUTBOUND',
  deadDelivery: 'PENNYPOST_DEAD_DELIVERY',
} as const

/** @throws {Error} that names every variable missing */
export function readAwsNames(environment: Environment): AwsNames {
  const missing = Object.values(nameVariables).filter((variable) => !environment[variable])
  if (missing.length > 0) throw new Error(`the environment lacks ${missing.join(', ')}`)
  const read = (word: keyof typeof nameVariables): string => environment[nameVariables[word]] ?? ''
  return {
    table: read('table'),
    bucket: read('bucket'),
    queues: { inbound: read('inbound'), outbound: read('outbound'), delivery: read('delivery') },
    deadLetters: { inbound: read('deadInbound'), outbound: read('deadOutbound'), delivery: read('deadDelivery') },
  }
}
