/** The bundle of the front as a process: one file in an empty directory, nobody's rights, an emulated account. */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { chmodSync, copyFileSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'

export interface FrontLine {
  readonly event: string
  readonly [field: string]: unknown
}

const nobody = 65534

export class FrontProcess {
  readonly lines: FrontLine[] = []
  readonly ended: Promise<number | null>
  readonly #child: ChildProcess
  readonly #directory: string
  #stderr = ''

  /** @param bundle main.mjs @param directory to be made, of this process alone */
  constructor(bundle: string, directory: string, environment: Readonly<Record<string, string>>) {
    this.#directory = directory
    mkdirSync(directory)
    copyFileSync(bundle, join(directory, 'main.mjs'))
    chmodSync(directory, 0o555)
    const rights = process.getuid?.() === 0 ? { uid: nobody, gid: nobody } : {}
    this.#child = spawn(process.execPath, ['main.mjs'], { cwd: directory, env: environment, stdio: ['ignore', 'pipe', 'pipe'], ...rights })
    if (this.#child.stdout !== null) createInterface({ input: this.#child.stdout }).on('line', (line) => this.lines.push(JSON.parse(line) as FrontLine))
    this.#child.stderr?.on('data', (chunk: Buffer) => (this.#stderr += chunk.toString()))
    this.ended = new Promise((resolve) => this.#child.once('close', resolve))
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  /** What lies in its directory. */
  files(): string[] {
    return readdirSync(this.#directory)
  }

  async event(event: string, matches: (line: FrontLine) => boolean = () => true, timeoutMs = 15_000): Promise<FrontLine> {
    for (const end = Date.now() + timeoutMs; Date.now() < end; await sleep(25)) {
      const line = this.lines.find((one) => one.event === event && matches(one))
      if (line !== undefined) return line
      if (this.#child.exitCode !== null) throw new Error(`the front ended with ${this.#child.exitCode}: ${this.#stderr}${JSON.stringify(this.lines)}`)
    }
    throw new Error(`no line ${event} within ${timeoutMs} ms: ${JSON.stringify(this.lines)} ${this.#stderr}`)
  }

  terminate(): void {
    this.#child.kill('SIGTERM')
  }

  async stop(): Promise<number | null> {
    if (this.#child.exitCode === null) this.terminate()
    return await this.ended
  }
}
