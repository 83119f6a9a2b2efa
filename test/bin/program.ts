/** The real program in a data directory of its own. */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const programFile = fileURLToPath(new URL('../../bin/pennypost.ts', import.meta.url))

export interface Ran {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
  /** Of standard output. */
  json<T>(): T
}

/** Without the settings of whoever runs the tests; slow hashes are not what is tested here. */
export const environment: NodeJS.ProcessEnv = { ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('PENNYPOST_'))), PENNYPOST_ACCOUNTS_SCRYPT_COST: '10', PENNYPOST_ACCOUNTS_SCRAM_ITERATIONS: '4096' }

export class Program {
  readonly data = join(mkdtempSync(join(tmpdir(), 'pp-bin-')), 'data')

  /** Runs to the end, in this data directory. */
  async run(parameters: readonly string[], options: { input?: string; env?: NodeJS.ProcessEnv } = {}): Promise<Ran> {
    const child = spawn(process.execPath, [programFile, ...parameters], { env: { ...environment, PENNYPOST_DATA: this.data, ...options.env } })
    let [stdout, stderr] = ['', '']
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
    child.stdin.on('error', () => undefined)
    child.stdin.end(options.input ?? '')
    const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
    return { code, stdout, stderr, json: <T>() => JSON.parse(stdout) as T }
  }

  remove(): void {
    rmSync(join(this.data, '..'), { recursive: true, force: true })
  }
}
