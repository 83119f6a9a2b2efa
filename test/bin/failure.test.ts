import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { EngineUnavailableError } from '#lib/engine/ports.ts'
import { DirectoryRefusal } from '#lib/mail/accounts/refusal.ts'
import { CommandError } from '../../bin/commandError.ts'
import { sentenceOf } from '../../bin/failure.ts'

describe('a failure of a command', () => {
  for (const [error, sentence] of [
    [new CommandError('there is no user a@b.c'), 'there is no user a@b.c'],
    [new DirectoryRefusal('exists', 'b.c is a domain here already'), 'b.c is a domain here already'],
    [new EngineUnavailableError('AWS cannot do this now: SlowDown'), 'AWS cannot do this now: SlowDown'],
    [Object.assign(new Error('User x is not authorized to perform: dynamodb:Query'), { name: 'AccessDeniedException' }), 'AWS refuses this: User x is not authorized to perform: dynamodb:Query (AccessDeniedException)'],
  ] as const)
    it(`is told in a sentence: ${sentence}`, () => assert.equal(sentenceOf(error), sentence))

  it('that nobody expected is shown whole', () => {
    assert.equal(sentenceOf(new TypeError('x is not a function')), undefined)
    assert.equal(sentenceOf('thrown'), undefined)
  })
})
