import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ArcVerdict } from '#lib/formats/auth/verdict.ts'
import { dispose } from '#lib/mail/inbound/disposition.ts'
import { limitSignatures } from '#lib/mail/inbound/limitSignatures.ts'
import { auth, textOf } from './stage.ts'

const settings = { junkScore: 5, refuseScore: 15, arcTrusted: ['lists.example'] }
const obey = { dmarc: 'obey' } as const
const rejecting = (percent = 100, arc: ArcVerdict = { result: 'none', instance: 0 }) => auth({ arc, dmarc: { ...auth().dmarc, result: 'fail', policyDomain: 'b.example', policy: 'reject', percent } })

test('the score decides by thresholds, the domain’s own before the settings', () => {
  const action = (score: number, choice: { junkScore?: number; refuseScore?: number } = {}) => dispose({ draw: 0, spam: { score, reasons: [] } }, { ...obey, ...choice }, settings).action
  assert.deepEqual([action(4.9), action(5), action(14.9), action(15)], ['accept', 'junk', 'junk', 'refuse'])
  assert.deepEqual([action(2, { junkScore: 2 }), action(20, { refuseScore: 30 })], ['junk', 'junk'])
})

test('of a policy for a share of the mail, the others get the next lower one', () => {
  const action = (draw: number) => dispose({ draw, auth: rejecting(30) }, obey, settings).action
  assert.deepEqual([action(29), action(30)], ['refuse', 'junk'])
})

test('a chain sealed by one we trust, of a message that passed before, is let through', () => {
  const sealed = { result: 'pass', instance: 1, sealer: 'mail.lists.example', dmarcBefore: 'pass' } as const
  const action = (arc: ArcVerdict) => dispose({ draw: 0, auth: rejecting(100, arc) }, obey, settings).action
  assert.equal(action(sealed), 'accept')
  assert.equal(action({ ...sealed, sealer: 'evil-lists.example' }), 'refuse')
  assert.equal(action({ ...sealed, dmarcBefore: 'fail' }), 'refuse')
  assert.equal(action({ ...sealed, result: 'fail' }), 'refuse')
})

test('what a DMARC check could not decide is no reason', () => {
  for (const result of ['none', 'pass', 'temperror', 'permerror'] as const) assert.equal(dispose({ draw: 0, auth: auth({ dmarc: { ...auth().dmarc, result, policy: 'reject' } }) }, obey, settings).action, 'accept')
})

test('signatures beyond the limit are not seen by the verifier, everything else is', async () => {
  const message = 'DKIM-Signature: one\r\nA: b\r\ndkim-signature: two\r\n folded\r\nDKIM-Signature: three\r\nB: c\r\n\r\nDKIM-Signature: body\r\n'
  const limited = 'DKIM-Signature: one\r\nA: b\r\nB: c\r\n\r\nDKIM-Signature: body\r\n'
  async function* pieces(size: number) {
    for (let at = 0; at < message.length; at += size) yield Buffer.from(message.slice(at, at + size))
  }
  const whole = await limitSignatures(Buffer.from(message), 1)
  assert.ok(whole instanceof Uint8Array && whole.toString() === limited)
  for (const size of [1, 7, 1000]) {
    const streamed = await limitSignatures(pieces(size), 1)
    assert.equal(streamed instanceof Uint8Array ? streamed.toString() : await textOf(streamed), limited, `pieces of ${size}`)
  }
})
