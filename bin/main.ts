import { CommanderError } from 'commander'
import { sentenceOf } from './failure.ts'
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
  process.stderr.write(`${sentenceOf(error) ?? (error instanceof Error ? error.stack : String(error))}\n`)
  process.exitCode = 1
}
