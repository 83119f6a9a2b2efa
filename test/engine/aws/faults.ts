/** Faults below the SDK's retries: what AWS answers on a bad day, before a call is made or in place of its answer. */

interface Call {
  readonly input: object
}
type Next = (call: Call) => Promise<{ output: object }>

interface Stack {
  readonly middlewareStack: { add(middleware: (next: Next, context: { readonly commandName?: string }) => Next, options: { readonly step: 'finalizeRequest'; readonly name: string; readonly priority: 'low' }): void }
}

/** Undefined: the call is made. `before`: it never reaches AWS. `after`: it is done, but its answer is lost. */
export type Fault = { readonly before: Error } | { readonly after: Error } | { readonly output: (done: object) => object } | undefined

/** Asked before each try of each call: the operation (`PutItem`), its input, how often it was tried until now. */
export type Plan = (operation: string, input: Readonly<Record<string, unknown>>, tried: number) => Fault

export interface Faults {
  plan: Plan
  /** Operations in the order of their tries. */
  readonly tries: string[]
}

export function injectFaults(...clients: readonly object[]): Faults {
  const faults: Faults = { plan: () => undefined, tries: [] }
  for (const client of clients) {
    ;(client as Stack).middlewareStack.add(
      (next, { commandName = '' }) => {
        const operation = commandName.replace('Command', '')
        let tried = 0
        return async (call) => {
          const fault = faults.plan(operation, call.input as Record<string, unknown>, tried++)
          faults.tries.push(operation)
          if (fault !== undefined && 'before' in fault) throw fault.before
          const done = await next(call)
          if (fault !== undefined && 'after' in fault) throw fault.after
          return fault === undefined ? done : { ...done, output: fault.output(done.output) }
        }
      },
      { step: 'finalizeRequest', name: 'faults', priority: 'low' },
    )
  }
  return faults
}

/** An error as the SDK makes it of an answer. */
export function awsError(name: string, httpStatusCode = 400, more: object = {}): Error {
  return Object.assign(new Error(`injected ${name}`), { name, $fault: httpStatusCode >= 500 ? 'server' : 'client', $metadata: { httpStatusCode }, ...more })
}

export const throttled = awsError('ThrottlingException')
export const brokenLine = Object.assign(new Error('injected ECONNRESET'), { code: 'ECONNRESET' })
