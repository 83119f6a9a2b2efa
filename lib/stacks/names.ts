/**
 * What things are called in the account. A function, its queue, its dead letters, its log and its alarms bear its
 * folder's verb behind the name of the deployment, so that whoever sees one of them knows the others.
 * Pure: no CDK here.
 */
import type { QueueName } from '#lib/engine/ports.ts'

/** The folders of functions/. */
export const functionVerbs = ['check-inbound', 'look-up-mx', 'deliver-outbound', 'sweep-due', 'renew-certificate', 'follow-front', 'record-events'] as const
export type FunctionVerb = (typeof functionVerbs)[number]

/** Who consumes each queue, and so what it is called. */
export const queueVerbs = { inbound: 'check-inbound', outbound: 'look-up-mx', delivery: 'deliver-outbound' } as const satisfies Record<QueueName, FunctionVerb>

export const queueNames = ['inbound', 'outbound', 'delivery'] as const satisfies readonly QueueName[]

/** `stack` is the name of the deployment, `pennypost` unless chosen otherwise. */
export function namesOf(stack: string) {
  return {
    table: stack,
    /** A bucket's name is the world's, so it needs the account and region. */
    bucket: (account: string, region: string) => `${stack}-${account}-${region}`,
    function: (verb: FunctionVerb) => `${stack}-${verb}`,
    queue: (queue: QueueName) => `${stack}-${queueVerbs[queue]}`,
    deadLetters: (queue: QueueName) => `${stack}-${queueVerbs[queue]}-dead`,
    /** Events that a function could not be called with, or failed on again and again. */
    missed: (verb: FunctionVerb) => `${stack}-${verb}-missed`,
    alarm: (subject: FunctionVerb | 'front' | 'outbound', what: string) => `${stack}-${subject}-${what}`,
    log: (subject: FunctionVerb | 'front') => `/${stack}/${subject}`,
    /** One queue of bells for each front task that has listeners; the task makes and deletes it. */
    bells: `${stack}-bell-`,
    bus: stack,
    topic: `${stack}-alarms`,
    cluster: stack,
    /** One name for each mode: a service cannot become the other kind, and the old one goes when the new one is there. */
    service: (mode: 'lean' | 'ha') => (mode === 'lean' ? `${stack}-front` : `${stack}-front-ha`),
  }
}

export type Names = ReturnType<typeof namesOf>
