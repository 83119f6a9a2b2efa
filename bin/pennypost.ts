#!/usr/bin/env node
import { CommanderError } from 'commander'
import { DirectoryRefusal } from '#lib/mail/accounts/refusal.ts'
import { CommandError } from './commandError.ts'
import { makeProgram } from './program.ts'

/** A reader that closes the pipe early (`| head`) ends the printing, not with a crash. */
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0)
  throw error
})

try {
  await makeProgram().parseAsync()
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2
  else report(error)
}

/** An expected refusal is one sentence; anything else is a bug and shown whole. */
function report(error: unknown): void {
  const expected = error instanceof CommandError || error instanceof DirectoryRefusal
  process.stderr.write(`${expected ? error.message : error instanceof Error ? error.stack : String(error)}\n`)
  process.exitCode = 1
}
