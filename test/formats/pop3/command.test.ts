import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseCommand } from '#lib/formats/pop3/command.ts'
import type { Command } from '#lib/formats/pop3/command.ts'
import { BadCommand, Pop3Refusal } from '#lib/formats/pop3/refusal.ts'

const latin1 = (text: string): string => Buffer.from(text).toString('latin1')

test('each command is read, its word in any case', () => {
  const table: readonly (readonly [string, Command])[] = [
    ['user anna@example.org', { verb: 'USER', name: 'anna@example.org' }],
    [latin1('USER jörg@example.org '), { verb: 'USER', name: 'jörg@example.org' }],
    [latin1('PASS  two words ü '), { verb: 'PASS', password: ' two words ü ' }],
    ['AUTH', { verb: 'AUTH', mechanism: undefined, initial: undefined }],
    ['auth scram-sha-256', { verb: 'AUTH', mechanism: 'SCRAM-SHA-256', initial: undefined }],
    ['AUTH PLAIN AGE=', { verb: 'AUTH', mechanism: 'PLAIN', initial: 'AGE=' }],
    ['AUTH PLAIN =', { verb: 'AUTH', mechanism: 'PLAIN', initial: '' }],
    ['LIST', { verb: 'LIST', number: undefined }],
    ['LIST ', { verb: 'LIST', number: undefined }],
    ['UIDL 007', { verb: 'UIDL', number: 7 }],
    ['Retr 1', { verb: 'RETR', number: 1 }],
    ['DELE 4294967295', { verb: 'DELE', number: 4294967295 }],
    ['TOP 1  0', { verb: 'TOP', number: 1, lines: 0 }],
    ['quit', { verb: 'QUIT' }],
    ['CAPA', { verb: 'CAPA' }],
    ['STLS', { verb: 'STLS' }],
    ['UTF8', { verb: 'UTF8' }],
  ]
  for (const [line, command] of table) assert.deepEqual(parseCommand(line), command, line)
})

test('what is none is refused with the syntax it should have', () => {
  const table: readonly (readonly [string, string])[] = [
    ['', 'Command not known'],
    [' STAT', 'Command not known'],
    ['STAT\t', 'Command not known'],
    ['__proto__', 'Command not known'],
    ['constructor', 'Command not known'],
    ['USER', 'Syntax: USER name'],
    ['USER a\tb', 'Syntax: USER name'],
    ['PASS', 'Syntax: PASS password'],
    ['PASS ', 'Syntax: PASS password'],
    ['USER \xff', 'Names and passwords are UTF-8'],
    ['AUTH PLA!N', 'Syntax: AUTH mechanism [initial-response]'],
    ['AUTH PLAIN a b', 'Syntax: AUTH mechanism [initial-response]'],
    ['RETR', 'Syntax: RETR message'],
    ['RETR 1 2', 'Syntax: RETR message'],
    ['RETR +1', 'Syntax: RETR message'],
    ['DELE 1e1', 'Syntax: DELE message'],
    ['LIST 12345678901', 'Syntax: LIST [message]'],
    ['TOP 1', 'Syntax: TOP message lines'],
    ['TOP 1 2 3', 'Syntax: TOP message lines'],
    ['TOP 1 -1', 'Syntax: TOP message lines'],
    ['QUIT now', 'QUIT takes no argument'],
  ]
  for (const [line, words] of table) assert.throws(() => parseCommand(line), (error) => error instanceof BadCommand && error.message === words, line)
})

test('a refusal is one line, its code in brackets', () => {
  assert.equal(new Pop3Refusal('No').line, '-ERR No')
  assert.equal(new Pop3Refusal('Busy', 'IN-USE').line, '-ERR [IN-USE] Busy')
})
