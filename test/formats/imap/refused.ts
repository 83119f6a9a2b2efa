import assert from 'node:assert/strict'
import { ImapRefusal } from '#lib/formats/imap/refusal.ts'

/** Asserts that this is refused with NO or BAD, for this input. */
export function refused(status: 'NO' | 'BAD', run: () => unknown, input = ''): void {
  assert.equal(refusalOf(run, input).status, status, input)
}

/** The refusal, code included. */
export function refusalOf(run: () => unknown, input = ''): ImapRefusal {
  try {
    run()
  } catch (error) {
    if (error instanceof ImapRefusal) return error
    throw error
  }
  assert.fail(`not refused: ${input}`)
}
