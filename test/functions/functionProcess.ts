/** A function as Lambda runs it: its bundle in a process of its own, one event after the other. */
import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { SQSBatchResponse } from 'aws-lambda'
import { bundleFunction } from '../../bin/bundle.ts'

const runner = `
const { handler } = await import('./handler.mjs')
process.on('message', async (event) => {
  const context = { awsRequestId: 'test', getRemainingTimeInMillis: () => 60000 }
  process.send(await handler(event, context).then((answer) => ({ answer: answer ?? {} }), (error) => ({ error: String(error?.stack ?? error) })))
})
process.send('ready')`

export class FunctionProcess {
  readonly #child: ChildProcess

  private constructor(child: ChildProcess) {
    this.#child = child
  }

  /** @param verb the folder of functions/ @param directory for the bundle, of this process alone */
  static async start(verb: string, directory: string, environment: Readonly<Record<string, string>>): Promise<FunctionProcess> {
    await bundleFunction(verb, directory)
    writeFileSync(join(directory, 'runner.mjs'), runner)
    const started = new FunctionProcess(fork(join(directory, 'runner.mjs'), { cwd: directory, env: environment, execArgv: [], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] }))
    await started.#next()
    return started
  }

  /** @throws what the function threw, or when it ended */
  async invoke(event: object): Promise<SQSBatchResponse> {
    const next = this.#next()
    this.#child.send(event)
    const { answer, error } = (await next) as { answer?: SQSBatchResponse; error?: string }
    if (answer === undefined) throw new Error(error)
    return answer
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null) return
    const ended = new Promise((resolve) => this.#child.once('close', resolve))
    this.#child.kill()
    await ended
  }

  #next(): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const ended = (): void => reject(new Error('the function ended'))
      this.#child.once('close', ended)
      this.#child.once('message', (message) => {
        this.#child.off('close', ended)
        resolve(message)
      })
    })
  }
}
