/** Passwords come from a prompt without echo or from standard input, never from arguments. */
import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'
import { CommandError } from './commandError.ts'

export async function askPassword(options: { passwordStdin?: boolean }): Promise<string> {
  if (options.passwordStdin === true) return nonEmpty(await firstLine())
  if (!process.stdin.isTTY) throw new CommandError('a password is needed: run this on a terminal, or give it with --password-stdin')
  const password = nonEmpty(await prompt('Password: '))
  if ((await prompt('Again: ')) !== password) throw new CommandError('the two passwords differ; nothing was changed')
  return password
}

/** The secret of something else (a smarthost), typed once. */
export async function askSecret(question: string, options: { passwordStdin?: boolean }): Promise<string> {
  if (options.passwordStdin === true) return nonEmpty(await firstLine())
  if (!process.stdin.isTTY) throw new CommandError('a password is needed: run this on a terminal, or give it with --password-stdin')
  return nonEmpty(await prompt(question))
}

/** Before something is removed. Without a terminal nobody can be asked, so `--yes` is demanded. */
export async function confirm(question: string, options: { yes?: boolean }): Promise<void> {
  if (options.yes === true) return
  if (!process.stdin.isTTY) throw new CommandError('nothing was changed: run this on a terminal to be asked, or add --yes')
  const lines = createInterface({ input: process.stdin, output: process.stderr })
  const answer = await new Promise<string>((resolve) => {
    // Ctrl-C and Ctrl-D.
    const ended = (): void => {
      process.stderr.write('\n')
      resolve('no')
    }
    lines.once('close', ended)
    lines.question(`${question} Type yes: `, (text) => {
      lines.off('close', ended)
      resolve(text)
    })
  })
  lines.close()
  if (!/^y(es)?$/i.test(answer.trim())) throw new CommandError('nothing was changed')
}

function nonEmpty(password: string): string {
  if (password === '') throw new CommandError('the password is empty; nothing was changed')
  return password
}

async function firstLine(): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('utf8').replace(/\r?\n[\s\S]*$/, '')
}

async function prompt(question: string): Promise<string> {
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() })
  const lines = createInterface({ input: process.stdin, output: silent, terminal: true })
  // Only now, with the echo off.
  process.stderr.write(question)
  return await new Promise((resolve, reject) => {
    lines.once('line', (line) => {
      resolve(line)
      lines.close()
    })
    // Ctrl-C and Ctrl-D; after an answer it comes too late to matter.
    lines.once('SIGINT', () => lines.close())
    lines.once('close', () => {
      process.stderr.write('\n')
      reject(new CommandError('stopped; nothing was changed'))
    })
  })
}
