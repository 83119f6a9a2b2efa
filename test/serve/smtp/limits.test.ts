import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { test } from 'node:test'
import tls from 'node:tls'
import { systemClock } from '#lib/base/clock.ts'
import { EngineUnavailableError } from '#lib/engine/ports.ts'
import { makeWindows } from '#lib/serve/smtp/windows.ts'
import { converse } from '../converse.ts'
import { codes, openStage } from './stage.ts'
import type { Stage, StageOptions } from './stage.ts'

const hello = 'EHLO c\r\n'
const mail = 'MAIL FROM:<a@b.example>\r\n'
const rcpt = 'RCPT TO:<anna@example.org>\r\n'
const message = `${mail}${rcpt}DATA\r\nx: y\r\n\r\nbody\r\n.\r\n`

function limit(sentence: string, options: StageOptions, check: (stage: Stage) => Promise<void>) {
  test(sentence, async () => {
    const stage = await openStage(options)
    try {
      await check(stage)
    } finally {
      await stage.stop(0)
    }
  })
}

limit('a message larger than allowed is refused at its end, and the session goes on', { smtp: { maxMessageBytes: 1000 } }, async (stage) => {
  const heard = await converse(stage, [`${hello}${mail}${rcpt}DATA\r\n${'x'.repeat(98)}\r\n`.concat(`${'x'.repeat(98)}\r\n`.repeat(20)), `.\r\n${message}QUIT\r\n`])
  assert.equal(codes(heard), '220 250 250 250 354 552 250 250 354 250 221')
  assert.equal(stage.taken.length, 1)
})

limit('a large message that turns out too large is not kept', { smtp: { maxMessageBytes: 600_000 } }, async (stage) => {
  const lines = `${'x'.repeat(98)}\r\n`.repeat(3000)
  const heard = await converse(stage, [`${hello}${mail}${rcpt}DATA\r\n`, lines, lines, lines, '.\r\nQUIT\r\n'])
  assert.equal(codes(heard), '220 250 250 250 354 552 221')
  assert.equal(stage.taken.length, 0)
})

limit('chunks beyond the limit are refused before the last one', { smtp: { maxMessageBytes: 1000 } }, async (stage) => {
  const chunk = `BDAT 600\r\n${'x'.repeat(598)}\r\n`
  assert.equal(codes(await converse(stage, [`${hello}${mail}${rcpt}${chunk}${chunk}${chunk}RSET\r\nQUIT\r\n`])), '220 250 250 250 250 552 503 250 221')
  assert.equal(codes(await converse(stage, [`${hello}${mail}${rcpt}BDAT 999999999 LAST\r\n`])), '220 250 250 250 552')
})

limit('recipients beyond the limit hear 452', { smtp: { maxRecipients: 2 } }, async (stage) => {
  const rcpts = [1, 2, 3].map((n) => `RCPT TO:<u${n}@example.org>\r\n`).join('')
  assert.equal(codes(await converse(stage, [`${hello}${mail}${rcpts}DATA\r\nx\r\n.\r\nQUIT\r\n`])), '220 250 250 250 250 452 354 250 221')
  assert.deepEqual(stage.taken[0]?.message.envelope.recipients, [{ address: 'u1@example.org' }, { address: 'u2@example.org' }])
})

limit('guessing recipients ends the session', { smtp: { maxUnknownRecipients: 2 } }, async (stage) => {
  assert.equal(codes(await converse(stage, [hello, mail, 'RCPT TO:<x@example.org>\r\n'.repeat(5)])), '220 250 250 550 550 421')
})

limit('the answer to each refused recipient is held back', { smtp: { tarpitMs: 150 } }, async (stage) => {
  const begun = Date.now()
  assert.equal(codes(await converse(stage, [`${hello}${mail}RCPT TO:<x@example.org>\r\nRCPT TO:<y@example.org>\r\nQUIT\r\n`])), '220 250 250 550 550 221')
  assert.ok(Date.now() - begun >= 300)
})

limit('too many bad commands end the session', { smtp: { maxBadCommands: 2 } }, async (stage) => {
  assert.equal(codes(await converse(stage, ['BLA\r\n'.repeat(9)])), '220 500 500 500 421')
})

limit('too many commands without a message end the session', { smtp: { maxCommands: 5 } }, async (stage) => {
  assert.equal(codes(await converse(stage, [hello, 'NOOP\r\n'.repeat(9)])), '220 250 250 250 250 250 421')
  assert.equal(codes(await converse(stage, [hello, message, message, message, 'QUIT\r\n'])), '220 250 250 250 354 250 250 250 354 250 250 250 354 250 221')
})

limit('a command line that is too long is refused, whatever its end', { smtp: { maxCommandBytes: 100 } }, async (stage) => {
  assert.equal(codes(await converse(stage, [`NOOP ${'x'.repeat(300_000)}\r\nNOOP ${'x'.repeat(93)}\r\nNOOP ${'x'.repeat(94)}\r\nQUIT\r\n`])), '220 500 250 500 221')
})

limit('a message in a loop is refused', { smtp: { maxHops: 3 } }, async (stage) => {
  const head = (hops: number) => `${mail}${rcpt}DATA\r\n${'Received: from a\r\n\tby b\r\n'.repeat(hops)}x: y\r\n\r\nReceived: in the body\r\n.\r\n`
  assert.equal(codes(await converse(stage, [hello, head(2), head(3), 'QUIT\r\n'])), '220 250 250 250 354 250 250 250 354 554 221')
})

limit('a line beyond the limit is refused, a long one below it is taken', { smtp: { maxLineBytes: 5000 } }, async (stage) => {
  const long = (bytes: number) => `${mail}${rcpt}DATA\r\nx: y\r\n\r\n${'x'.repeat(bytes)}\r\n.\r\n`
  assert.equal(codes(await converse(stage, [hello, long(5000), long(5001), 'QUIT\r\n'])), '220 250 250 250 354 250 250 250 354 554 221')
})

limit('messages beyond the window of an address hear 450', { smtp: { messagesPerAddress: 2 } }, async (stage) => {
  assert.equal(codes(await converse(stage, [hello, message, message, mail, 'QUIT\r\n'])), '220 250 250 250 354 250 250 250 354 250 450 221')
})

const windows = makeWindows(systemClock, 60_000)
limit('an account has one limit of messages, whichever port it comes to', { role: 'submission', submission: { messagesPerAccount: 2 }, deps: { windows, allowInsecureLogin: 'loopback' } }, async (stage) => {
  const login = `${hello}AUTH PLAIN ${Buffer.from('\0anna@example.org\0secret').toString('base64')}\r\n`
  const send = `${message.replace('a@b.example', 'anna@example.org')}`
  const other = await openStage({ role: 'submission', submission: { messagesPerAccount: 2 }, deps: { windows, allowInsecureLogin: 'loopback' } })
  assert.equal(codes(await converse(stage, [`${login}${send}QUIT\r\n`])), '220 250 235 250 250 354 250 221')
  assert.equal(codes(await converse(other, [`${login}${send}MAIL FROM:<anna@example.org>\r\nQUIT\r\n`])), '220 250 235 250 250 354 250 450 221')
  await other.stop(0)
})

const loginLine = `AUTH PLAIN ${Buffer.from('\0anna@example.org\0secret').toString('base64')}\r\n`
limit('an account has so many sessions at once and no more', { role: 'submission', submission: { maxSessionsPerAccount: 2 }, deps: { allowInsecureLogin: 'loopback' } }, async (stage) => {
  const loggedIn = async () => {
    const socket = stage.connect()
    socket.write(`${hello}${loginLine}`)
    let heard = ''
    for (const end = Date.now() + 5000; !heard.includes('235') && Date.now() < end; ) heard += String((await once(socket, 'data'))[0])
    return socket
  }
  const [one] = [await loggedIn(), await loggedIn()]
  assert.equal(codes(await converse(stage, [`${hello}${loginLine}`])), '220 250 421')
  one.destroy()
  while (stage.connections() > 1) await systemClock.sleep(5)
  assert.equal(codes(await converse(stage, [`${hello}${loginLine}QUIT\r\n`])), '220 250 235 221')
})

limit('a login in clear counts no more behind STARTTLS', { role: 'submission', deps: { allowInsecureLogin: 'loopback' } }, async (stage) => {
  const socket = stage.connect()
  let heard = ''
  socket.on('data', (chunk: Buffer) => (heard += String(chunk)))
  socket.write(`${hello}${loginLine}STARTTLS\r\n`)
  while (!heard.includes('220 2.0.0')) await systemClock.sleep(5)
  socket.removeAllListeners('data')
  const secured = tls.connect({ socket, rejectUnauthorized: false })
  secured.write(`${hello}MAIL FROM:<anna@example.org>\r\nQUIT\r\n`)
  let behind = ''
  for await (const chunk of secured) behind += String(chunk)
  assert.equal(codes(behind), '250 530 221')
})

limit('a silent client is sent away', { smtp: { idleTimeoutMs: 60 } }, async (stage) => {
  assert.match(await converse(stage, [hello]), /421 4\.4\.2 Timeout/)
})

limit('a client silent inside a message is sent away and nothing is kept', { smtp: { dataTimeoutMs: 60 } }, async (stage) => {
  assert.match(await converse(stage, [`${hello}${mail}${rcpt}DATA\r\n${'x'.repeat(200_000)}`]), /421 4\.4\.2 Timeout/)
  assert.equal(stage.taken.length, 0)
})

limit('a session ends when it lasted too long', { smtp: { sessionMs: 100 } }, async (stage) => {
  assert.match(await converse(stage, [hello, 'NOOP\r\n', 'NOOP\r\n', 'NOOP\r\n', 'NOOP\r\n'], 30), /421 4\.4\.2 This session lasted too long/)
})

limit('a client that speaks before the greeting is refused', { smtp: { bannerDelayMs: 80 } }, async (stage) => {
  assert.equal(codes(await converse(stage, [hello])), '554')
  const patient = stage.connect()
  assert.match(String((await once(patient, 'data'))[0]), /^220 /)
  patient.destroy()
})

limit('a fault of the engine is a 451 that tells nothing, and the log has it whole', { deps: { accept: () => Promise.reject(new EngineUnavailableError('disk full')) } }, async (stage) => {
  const heard = await converse(stage, [hello, message, 'QUIT\r\n'])
  assert.equal(codes(heard), '220 250 250 250 354 451 221')
  assert.doesNotMatch(heard, /disk/)
  assert.equal(stage.events.find((event) => event.event === 'put-off')?.fields['error'], 'disk full')
})

limit('a directory that cannot be asked puts the recipient off', { deps: { directory: { resolveRecipient: () => Promise.reject(new EngineUnavailableError('no table')), maySendAs: async () => true, postmaster: async () => '' } } }, async (stage) => {
  assert.equal(codes(await converse(stage, [hello, mail, rcpt, 'QUIT\r\n'])), '220 250 250 451 221')
})

limit('a refusal from the rooms below is told in its own words', { deps: { accept: () => Promise.reject(Object.assign(new Error('x'), { code: 550, enhancedCode: '5.7.26', text: 'DMARC says no\r\n250 yes' })) } }, async (stage) => {
  assert.match(await converse(stage, [hello, message, 'QUIT\r\n']), /^550 5\.7\.26 DMARC says no 250 yes\r$/m)
})

limit('a client that closes its side first still gets its replies', {}, async (stage) => {
  const socket = net.connect({ port: stage.port, host: '127.0.0.1', allowHalfOpen: true })
  socket.end(`${hello}${message}`)
  let heard = ''
  for await (const chunk of socket) heard += String(chunk)
  assert.equal(codes(heard), '220 250 250 250 354 250')
})

limit('a client that leaves inside a message leaves nothing behind', {}, async (stage) => {
  const socket = stage.connect()
  socket.write(`${hello}${mail}${rcpt}DATA\r\n${'x'.repeat(300_000)}`)
  while (!stage.events.some((event) => event.event === 'connected')) await systemClock.sleep(5)
  await systemClock.sleep(30)
  socket.destroy()
  while (stage.connections() > 0) await systemClock.sleep(5)
  assert.equal(stage.taken.length, 0)
  assert.ok(stage.events.some((event) => event.event === 'cut-off'))
})

limit('the socket waits while a slow store takes a large message', {
  deps: {
    accept: async (message) => {
      let size = 0
      for await (const chunk of message.content) {
        size += chunk.length
        await systemClock.sleep(1)
      }
      return { queueId: `SIZE${size}` }
    },
  },
}, async (stage) => {
  const lines = `${'x'.repeat(98)}\r\n`.repeat(10_000)
  const heard = await converse(stage, [`${hello}${mail}${rcpt}DATA\r\n`, lines, lines, lines, '.\r\nQUIT\r\n'])
  assert.match(heard, /queued as SIZE3000000/)
})

limit('stopping says 421 to idle sessions and lets a message in hand finish', {}, async (stage) => {
  const idle = converse(stage, [hello])
  const inHand = stage.connect()
  let heard = ''
  inHand.on('data', (chunk: Buffer) => (heard += String(chunk)))
  inHand.write(`${hello}${mail}${rcpt}DATA\r\n`)
  while (!heard.includes('354')) await systemClock.sleep(5)
  const stopped = stage.stop(2000)
  assert.match(await idle, /421 4\.3\.2/)
  inHand.write('x: y\r\n\r\nbody\r\n.\r\n')
  await once(inHand, 'close')
  assert.match(heard, /queued as [\s\S]*421 4\.3\.2/)
  await stopped
})
