import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseAddressList } from '#lib/formats/message/address.ts'

const one = (name: string | null, mailbox: string, host: string, adl?: string) => (adl === undefined ? { name, mailbox, host } : { name, adl, mailbox, host })
const begin = (name: string) => ({ name: null, mailbox: name, host: null })
const end = { name: null, mailbox: null, host: null }

const cases: readonly (readonly [field: string, addresses: readonly unknown[]])[] = [
  ['', []],
  [',, ,', []],
  ['a@b.example', [one(null, 'a', 'b.example')]],
  ['<a@b.example>', [one(null, 'a', 'b.example')]],
  ['Anna <a@b.example>', [one('Anna', 'a', 'b.example')]],
  ['Anna  von\r\n B. <a@b.example>', [one('Anna von B.', 'a', 'b.example')]],
  ['"B, Anna" <a@b.example>', [one('B, Anna', 'a', 'b.example')]],
  ['"A \\"x\\" \\\\" <a@b.example>', [one('A "x" \\', 'a', 'b.example')]],
  ['a@b.example (Anna)', [one('Anna', 'a', 'b.example')]],
  ['a@b.example (A (nested) \\) name)', [one('A (nested) ) name', 'a', 'b.example')]],
  ['<a (no name) @ (none) b.example>', [one(null, 'a', 'b.example')]],
  ['"john doe"@b.example', [one(null, 'john doe', 'b.example')]],
  ['john . doe @ b . example', [one(null, 'john.doe', 'b.example')]],
  ['<@r1,@r2:a@b.example>', [one(null, 'a', 'b.example', '@r1,@r2')]],
  ['a@[192.0.2.1]', [one(null, 'a', '[192.0.2.1]')]],
  ['=?utf-8?q?J=C3=B6rg?= <j@b.example>', [one('=?utf-8?q?J=C3=B6rg?=', 'j', 'b.example')]],
  ['J\xc3\xb6rg <j\xc3\xb6@b.example>', [one('J\xc3\xb6rg', 'j\xc3\xb6', 'b.example')]],
  // The second octet of à is 0xA0, which is no space here.
  ['Voil\xc3\xa0 \xc3\x87a <\xc3\xa0@x.example>', [one('Voil\xc3\xa0 \xc3\x87a', '\xc3\xa0', 'x.example')]],
  ['Voil\xc3\xa0 <a@x.example>, b@x.example (l\xc3\xa0)', [one('Voil\xc3\xa0', 'a', 'x.example'), one('l\xc3\xa0', 'b', 'x.example')]],
  ['a@b.example, c@d.example', [one(null, 'a', 'b.example'), one(null, 'c', 'd.example')]],
  ['friends: a@b.example, C <c@d.example>; e@f.example', [begin('friends'), one(null, 'a', 'b.example'), one('C', 'c', 'd.example'), end, one(null, 'e', 'f.example')]],
  ['undisclosed-recipients:;', [begin('undisclosed-recipients'), end]],
  ['friends: a@b.example', [begin('friends'), one(null, 'a', 'b.example'), end]],
  // Broken ones.
  ['anna', [one(null, 'anna', '')]],
  ['Anna B', [one('Anna B', '', '')]],
  ['"Anna"', [one('Anna', '', '')]],
  ['<>', [one(null, '', '')]],
  ['<a@b.example, c@d.example', [one(null, 'a', 'b.example'), one(null, 'c', 'd.example')]],
  ['anna@home <a@b.example>', [one('anna@home', 'a', 'b.example')]],
  ['a@b.example c@d.example', [one(null, 'a', 'b.example'), one(null, 'c', 'd.example')]],
  ['"never closed', [one('never closed', '', '')]],
  ['a@b.example (never closed', [one('never closed', 'a', 'b.example')]],
]

for (const [field, addresses] of cases) {
  test(`the addresses in ${JSON.stringify(field)} are found`, () => assert.deepEqual(parseAddressList(field), addresses))
}
